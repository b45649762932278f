import { describe, expect, it } from "vitest";
import { EventLines, backoff_ms } from "../src/lib/events";

const STREAM = 'event: view\ndata: {"a":1}\n\n: still here\n\nevent: view\r\ndata: {"a":\r\ndata: 2}\r\n\r\ndata:last';

describe("a live stream", () => {
  it("gives whole events only and skips comments", () => {
    expect(new EventLines().feed(STREAM)).toEqual(['{"a":1}', '{"a":\n2}']);
  });

  it("gives the same whatever the pieces it comes in", () => {
    for (let size = 1; size <= STREAM.length; size += 1) {
      const lines = new EventLines();
      const events: string[] = [];
      for (let at = 0; at < STREAM.length; at += size) events.push(...lines.feed(STREAM.slice(at, at + size)));
      expect(events).toEqual(['{"a":1}', '{"a":\n2}']);
    }
  });

  it("tries again ever more slowly, but never seldom", () => {
    expect([0, 1, 2, 3, 4, 20].map(backoff_ms)).toEqual([500, 1000, 2000, 4000, 5000, 5000]);
  });
});
