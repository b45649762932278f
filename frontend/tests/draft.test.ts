import { describe, expect, it } from "vitest";
import { Draft, cleanNumberKey } from "../src/teacher/draft.svelte";

describe("the next question", () => {
  it("asks single choice A to D when nothing is set", () => {
    const body = new Draft().body();
    expect(body).toEqual({ kind: "single", options: ["", "", "", ""], key: null, timer_s: null, policy: "last_wins" });
  });

  it("keeps one right letter of a single choice, several of a multiple", () => {
    const draft = new Draft();
    draft.toggleRight("A");
    draft.toggleRight("C");
    expect(draft.body().key).toEqual(["C"]);
    draft.choose("multiple");
    expect(draft.body().key).toBeNull();
    draft.toggleRight("C");
    draft.toggleRight("A");
    expect(draft.body().key).toEqual(["A", "C"]);
  });

  it("never has a right letter without its option, nor fewer than 2 or more than 10 options", () => {
    const draft = new Draft();
    draft.toggleRight("D");
    for (let i = 0; i < 12; i += 1) draft.resize(-1);
    expect(draft.body()).toMatchObject({ options: ["", ""], key: null });
    for (let i = 0; i < 20; i += 1) draft.resize(1);
    expect(draft.body().options).toHaveLength(10);
  });

  it("sends no options with true/false and number, and a number's key as a number", () => {
    const draft = new Draft();
    draft.choose("true_false");
    draft.toggleRight("false");
    expect(draft.body()).toMatchObject({ options: [], key: ["false"] });
    draft.choose("number");
    draft.number = "１２.5";
    expect(draft.body()).toMatchObject({ options: [], key: ["12.5"] });
    draft.number = "twelve";
    expect(draft.numberBad).toBe(true);
  });

  it("asks a buzz-in without options, key or a changed answer", () => {
    const draft = new Draft();
    draft.toggleRight("B");
    draft.choose("buzz");
    expect(draft.body()).toEqual({ kind: "buzz", options: [], key: null, timer_s: null, policy: "first_wins" });
  });

  it.each([
    ["12.5 ± .1", "12.5±.1"],
    ["-3+-0,5", "-3±0.5"],
    ["10~12", "10..12"],
    ["-2 .. -1", "-2..-1"],
    ["１０至１２", "10..12"],
    ["12~10", null],
    ["5±-1", null],
    ["5±", null],
  ])("reads the key %s of a number as %s", (typed, key) => expect(cleanNumberKey(typed)).toBe(key));

  it("asks a scale with words at its ends, and a text with the answers that are right", () => {
    const draft = new Draft();
    draft.choose("scale");
    draft.resize(-1);
    [draft.low, draft.high] = ["lost", " clear "];
    expect(draft.body()).toMatchObject({ kind: "scale", options: ["lost", "", "", "clear"], key: null });
    draft.choose("text");
    draft.written = "CO2；carbon dioxide; ";
    expect(draft.body()).toMatchObject({ kind: "text", options: [], key: ["CO2", "carbon dioxide"] });
  });

  it("has the right order whole or not at all", () => {
    const draft = new Draft();
    draft.choose("order");
    for (const key of ["B", "D", "A"]) draft.toggleRight(key);
    expect(draft.orderBad).toBe(true);
    draft.toggleRight("C");
    expect(draft.orderBad).toBe(false);
    expect(draft.body()).toMatchObject({ options: ["", "", "", ""], key: ["BDAC"] });
    for (let i = 0; i < 9; i += 1) draft.resize(1);
    expect(draft.body().options).toHaveLength(8);
    draft.choose("single");
    expect(draft.body()).toMatchObject({ options: ["", "", "", ""], key: null });
  });

  it("forgets the key and the texts with the question, not the kind and the timer", () => {
    const draft = new Draft();
    draft.choose("multiple");
    draft.toggleRight("B");
    draft.texts[0] = "first";
    draft.timer_s = 60;
    draft.asked();
    expect(draft.body()).toEqual({ kind: "multiple", options: ["", "", "", ""], key: null, timer_s: 60, policy: "last_wins" });
  });
});
