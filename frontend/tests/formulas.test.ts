import { expect, it } from "vitest";
import { pieces } from "../src/lib/formulas";

const formulas = (text: string) => pieces(text).filter((one) => one.tex !== null).map((one) => one.tex);

it.each([
  ["解 $x^2=4$ 得", ["x^2=4"]],
  ["$$\\frac12$$ 与 \\(a\\) 与 \\[b\\]", ["\\frac12", "a", "b"]],
  ["a book is $5, two are $9", []],
  ["it is $ 5 and $ 6", []],
  ["one $ alone", []],
])("finds the formulas of %s", (text, found) => {
  expect(formulas(text)).toEqual(found);
  expect(pieces(text).map((one) => one.text).join("")).toBe(text);
});
