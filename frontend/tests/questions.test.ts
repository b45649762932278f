import { describe, expect, it } from "vitest";
import { cleanNumber, clock, fullest, gapText, isRight, isTie, joinLetters, keysOf, left_s, percent, placeText, takeText } from "../src/lib/questions";
import type { AskedView } from "../src/lib/views";

const asked = (part: Partial<AskedView>): AskedView => ({
  number: 1,
  kind: "single",
  options: ["", ""],
  status: "open",
  policy: "last_wins",
  opened_ago_ms: 0,
  timer_s: null,
  text: "",
  place: 1,
  round: 1,
  timer: null,
  ...part,
});

describe("keys", () => {
  it("has letters for choices, two words for true/false, none for a number", () => {
    expect(keysOf("single", 4)).toEqual(["A", "B", "C", "D"]);
    expect(keysOf("multiple", 10).join("")).toBe("ABCDEFGHIJ");
    expect(keysOf("true_false", 0)).toEqual(["true", "false"]);
    expect(keysOf("scale", 10).slice(8)).toEqual(["9", "10"]);
    expect(keysOf("order", 3)).toEqual(["A", "B", "C"]);
    for (const kind of ["number", "text", "buzz", "attendance"] as const) expect(keysOf(kind, 0)).toEqual([]);
  });

  it("writes a multiple choice in one way only", () => {
    expect(joinLetters("CAAB")).toBe("ABC");
    expect(joinLetters(["D", "A"])).toBe("AD");
  });

  it("knows a right letter of a multiple choice, however its key is split", () => {
    for (const key of [["AC"], ["A", "C"]]) {
      expect(isRight(key, "multiple", "C")).toBe(true);
      expect(isRight(key, "multiple", "B")).toBe(false);
    }
    expect(isRight(["12.5"], "number", "12")).toBe(false);
    expect(isRight(null, "single", "A")).toBe(false);
  });
});

describe("numbers", () => {
  it.each([
    ["12.5", "12.5"],
    [" -3 ", "-3"],
    ["１２．５", "12.5"],
    ["0,75", "0.75"],
    ["−4", "-4"],
    [".5", ".5"],
  ])("reads %j", (typed, clean) => expect(cleanNumber(typed)).toBe(clean));

  it.each(["", "-", ".", "1.2.3", "1e5", "abc", "--1", "1 2"])("refuses %j", (typed) =>
    expect(cleanNumber(typed)).toBeNull(),
  );
});

describe("figures", () => {
  it("counts a timer down from when the board opened the question", () => {
    const timer = (left_ms: number, running = true) => asked({ timer: { left_ms, running, changes: 0 } });
    expect(left_s(timer(45_000), 4_500)).toBe(41);
    expect(left_s(timer(45_000, false), 4_500)).toBe(45);
    expect(left_s(timer(1_000), 2_000)).toBe(0);
    expect(left_s(asked({}), 0)).toBeNull();
    expect(clock(75)).toBe("1:15");
    expect(clock(9)).toBe("0:09");
  });

  it("gives whole per cent, and nothing of nobody", () => {
    expect(percent(1, 3)).toBe(33);
    expect(percent(0, 0)).toBe(0);
  });

  it("has one figure of others, and leaves no right one out", () => {
    const bars = [
      ...["1", "2", "3"].map((key) => ({ key, count: 4, right: false })),
      { key: "7", count: 1, right: true },
      { key: "other", count: 5, right: false },
    ];
    const shown = fullest(bars, 3);
    expect(shown.bars.map((bar) => bar.key)).toEqual(["1", "2", "7"]);
    expect(shown.others).toBe(9);
  });

  it("keeps the fullest bars in their order and counts the rest", () => {
    const bars = [3, 9, 1, 5].map((count, place) => ({ key: String(place), count, right: null }));
    const shown = fullest(bars, 2);
    expect(shown.bars.map((bar) => bar.key)).toEqual(["1", "3"]);
    expect(shown.others).toBe(4);
  });
});

describe("a place in a buzz-in", () => {
  const rest = { who: null, phone: false, behind_ms: 0, give_or_take_ms: 0, final: true, late: false };
  const texts = (...places: [number, number][]) => {
    const all = places.map(([place, last_place], rank) => ({ ...rest, label: String(rank), place, last_place }));
    return all.map((one) => placeText(one) + (isTie(one, all) ? "=" : ""));
  };
  it("is one number where all others can be told apart", () => expect(texts([1, 1], [2, 2])).toEqual(["1", "2"]));
  it("is shared in a tie", () => expect(texts([1, 2], [1, 2], [3, 3])).toEqual(["1–2=", "1–2=", "3"]));
  it("is every possible one beside a phone", () =>
    expect(texts([1, 2], [1, 4], [2, 3], [3, 4])).toEqual(["1–2", "1–4", "2–3", "3–4"]));
});

describe("a gap in a buzz-in", () => {
  const buzz = { place: 2, who: null, label: "7", phone: false, last_place: 2, final: true, late: false };
  it.each([
    [5.06, 1.42, "+5.1 ms", "± 1.4 ms"],
    [980, 200, "+980.0 ms", "± 200 ms"],
    [1234, 2.5, "+1.23 s", "± 2.5 ms"],
    [null, 0, "unknown", ""],
  ])("of %s ms is written in ms or s", (behind_ms, give_or_take_ms, gap, take) => {
    const one = { ...buzz, behind_ms, give_or_take_ms };
    expect([gapText(one, "unknown"), takeText(one)]).toEqual([gap, take]);
  });
});
