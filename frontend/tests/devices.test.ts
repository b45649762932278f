import { describe, expect, it } from "vitest";
import { KEPT, added } from "../src/lib/monitor";
import type { DeviceView, MonitorLine } from "../src/lib/views";
import { advice, ago, counted, facts, hint, illFirst, lastText, losses, repeats, tone, toneOfAll, weakestFirst } from "../src/teacher/devices";
import { en } from "../src/teacher/en";
import { zh } from "../src/teacher/zh";

function device(part: Partial<DeviceView> = {}): DeviceView {
  return {
    id: "base", driver: "clicker.zkxl", state: "ready", code: "", hint: "", facts: {}, counters: {}, refused: 0,
    measured: null, alarms: [], can: [], last: null, readings: 0, ...part,
  };
}

describe("a device's card", () => {
  it("says what to do by the code, else by the state, and nothing of a device that works", () => {
    expect(advice(device({ state: "lost", code: "port_gone" }), en)).toBe(en.devices.codes.port_gone);
    expect(advice(device({ state: "lost", code: "of_tomorrow" }), zh)).toBe(zh.devicePage.advice.lost);
    expect(advice(device({ state: "starting" }), en)).toBe(en.devicePage.advice.starting);
    expect(advice(device(), en)).toBe("");
  });

  it("keeps the driver's own words for the admin, and its code where the page has another language", () => {
    const away = device({ state: "lost", code: "port_gone", hint: "check it" });
    expect(hint(away, en.devicePage)).toBe("port_gone: check it");
    expect(hint(away, zh.devicePage)).toContain("port_gone");
    expect(hint(away, zh.devicePage)).not.toContain("check it");
    expect(hint(device({ code: "port_gone", hint: "check it" }), en.devicePage)).toBe("");
  });

  it("is in trouble when it does not work, and to be looked at when it works with an alarm", () => {
    expect(tone(device())).toBe("good");
    expect(tone(device({ state: "misconfigured" }))).toBe("bad");
    expect(tone(device({ state: "starting" }))).toBe("wait");
    expect(tone(device({ alarms: ["keypad_flood"] }))).toBe("wait");
    expect(tone(device({ refused: 1 }))).toBe("wait");
  });

  it("stands first when it needs somebody, and else where the settings have it", () => {
    const one = (id: string, part: Partial<DeviceView> = {}) => device({ id, ...part });
    const all = [one("a"), one("b", { alarms: ["keypad_flood"] }), one("c", { state: "lost" }), one("d"), one("e", { state: "misconfigured" })];
    expect(illFirst(all).map(({ id }) => id)).toEqual(["c", "e", "b", "a", "d"]);
  });

  it("is green in the header only when there are devices and all are well", () => {
    expect(toneOfAll([])).toBe("off");
    expect(toneOfAll([device(), device({ state: "held" })])).toBe("wait");
    expect(toneOfAll([device(), device({ state: "starting" }), device({ state: "lost" })])).toBe("bad");
    expect(toneOfAll([device(), device()])).toBe("good");
  });

  it("sums what was lost and what was repeated, and says neither where nobody counts it", () => {
    const counters = { lost: 2, gaps: 1, unanswered: 7, repeats: 4, receiver_resent: 1 };
    expect([losses(device({ counters })), repeats(device({ counters }))]).toEqual([3, 5]);
    expect([losses(device()), repeats(device({ counters: { polls: 1 } }))]).toEqual([null, null]);
  });

  it("names every counter, those that counted first, a trouble by its sentence, an unknown one by its name", () => {
    const shown = counted(device({ counters: { repeats: 0, of_tomorrow: 1, port_gone: 2 } }), en);
    expect(shown.map((one) => one.label)).toEqual(["of_tomorrow", "The connection broke", "Repeats taken out"]);
    expect(counted(device({ counters: { port_gone: 2 } }), zh)[0]!.label).toBe("连接断了");
  });

  it("leaves out of its facts what stands on the card already", () => {
    const said = { driver: "x", firmware: "1.2", serial: "0A", odd: "?" };
    expect(facts(device({ facts: said }), zh.devicePage).map((one) => one.label)).toEqual(["序列号", "odd"]);
  });

  it("says what was read last, and how long ago", () => {
    const words = en.devicePage;
    expect(lastText({ kind: "KeyPress", what: "82E9", read_ago_ms: 0 }, words)).toEqual({ kind: "Key pressed", what: "82E9" });
    expect(lastText({ kind: "RemoteKey", what: "next", read_ago_ms: 0 }, zh.devicePage).what).toBe("下一步");
    expect(lastText({ kind: "OfTomorrow", what: "", read_ago_ms: 0 }, words).kind).toBe("OfTomorrow");
    expect([0, 59_999, 60_000, 3_599_999, 7_200_000].map((ms) => ago(ms, words))).toEqual([
      "just now", "59 s ago", "1 min ago", "59 min ago", "2 h ago",
    ]);
  });

  it("lists the keypads with the weakest signal first", () => {
    const keypads = [
      { keypad: "A", rssi_dbm: -40, power: 3 },
      { keypad: "B", rssi_dbm: -88, power: 3 },
      { keypad: "C", rssi_dbm: null, power: null },
    ];
    expect(weakestFirst(keypads).map((one) => one.keypad)).toEqual(["B", "A", "C"]);
  });
});

describe("the monitor", () => {
  const line = (text: string): MonitorLine => ({ way: "in", passed_ago_ms: 40, text, count_bytes: 1 });

  it("keeps the newest lines, each with its own name and the time it passed", () => {
    const many = Array.from({ length: KEPT }, (_, at) => line(String(at)));
    const shown = added(added([], many, 0, 1000), [line("new")], KEPT, 2000);
    expect(shown.length).toBe(KEPT);
    expect(shown[0]!.text).toBe("1");
    expect(shown[KEPT - 1]).toEqual({ ...line("new"), id: KEPT, at_ms: 1960 });
    expect(new Set(shown.map((one) => one.id)).size).toBe(KEPT);
  });
});
