/**
 * The live view of a page, as the board sends it.
 *
 * `fetch` and not `EventSource`: it sees the board's keep-alive comments, so a line that died
 * silently is noticed, and it sees the status, so a lost session is told from a lost board.
 */

import { BASE } from "./api";
import { EventLines, backoff_ms } from "./events";

/** The board sends something every 10 s; after this long without a byte the line is dead. */
const SILENCE_MS = 22_000;
/** A page that comes back to the front after longer than the board's beat asks anew at once. */
const STALE_MS = 11_000;

export type Line = "connecting" | "live" | "lost" | "refused";

/** What a page knows of the room right now. */
export interface Seen<V> {
  view: V | null;
  line: Line;
  /** `performance.now()` when the view came: what its `_ago_ms` counts from. */
  received_ms: number;
  /** HTTP status of the refusal while `line` is "refused". */
  status: number;
}

export class LiveLine<V> {
  private seen: Seen<V> = { view: null, line: "connecting", received_ms: 0, status: 0 };
  private tries = 0;
  private generation = 0;
  private heard_ms = 0;
  private stop: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly role: "teacher" | "projector" | "student",
    private readonly changed: (seen: Seen<V>) => void,
  ) {
    // A phone that wakes, or a network that is back, does not wait for the next try.
    const wake = () => {
      if (this.generation > 0 && !document.hidden && this.seen.line !== "refused") this.connect();
    };
    addEventListener("online", wake);
    document.addEventListener("visibilitychange", () => {
      if (this.seen.line !== "live" || performance.now() - this.heard_ms > STALE_MS) wake();
    });
    addEventListener("offline", () => {
      if (this.seen.line === "live") this.see({ line: "lost" });
    });
  }

  connect(): void {
    this.stop?.abort();
    clearTimeout(this.timer);
    this.generation += 1;
    if (this.seen.line === "refused") this.see({ line: "connecting" });
    void this.read(this.generation);
  }

  close(): void {
    this.generation += 1;
    this.stop?.abort();
    clearTimeout(this.timer);
    this.see({ view: null, line: "connecting" });
  }

  private see(part: Partial<Seen<V>>): void {
    this.seen = { ...this.seen, ...part };
    this.changed(this.seen);
  }

  private async read(generation: number): Promise<void> {
    const stop = new AbortController();
    this.stop = stop;
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      this.heard_ms = performance.now();
      clearTimeout(silence);
      silence = setTimeout(() => stop.abort(), SILENCE_MS);
    };
    try {
      heard();
      const response = await fetch(`${BASE}/live?view=${this.role}`, {
        signal: stop.signal,
        cache: "no-store",
        headers: { Accept: "text/event-stream" },
      });
      if (response.status >= 400 && response.status < 500 && response.status !== 429) {
        if (generation === this.generation) this.see({ line: "refused", status: response.status });
        return;
      }
      if (!response.ok || !response.body) throw new Error(String(response.status));
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      const lines = new EventLines();
      for (;;) {
        const { value, done } = await reader.read();
        if (done || generation !== this.generation) break;
        heard();
        const events = lines.feed(decoder.decode(value, { stream: true }));
        const newest = events[events.length - 1];
        if (newest !== undefined) {
          this.see({ view: JSON.parse(newest) as V, line: "live", received_ms: performance.now() });
          this.tries = 0;
        }
      }
    } catch {
      // Whatever broke the line, the answer is to try again.
    } finally {
      clearTimeout(silence);
    }
    if (generation !== this.generation) return;
    this.see({ line: this.seen.view === null ? "connecting" : "lost" });
    this.timer = setTimeout(() => this.connect(), backoff_ms(this.tries));
    this.tries += 1;
  }
}
