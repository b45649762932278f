import { describe, expect, it } from "vitest";
import type { RespondentView } from "../src/lib/views";
import { isPhone, shortLabels } from "../src/teacher/seats";

const student = (label: string): RespondentView => ({
  id: `s${label}`,
  label,
  name: "N",
  present: true,
  keypads: [],
  has_card: false,
  key: null,
  entered: false,
});
const stray = (id: string, label = id): RespondentView => ({ ...student(label), id, name: null, keypads: [id] });
const short = (...all: RespondentView[]) => [...shortLabels(all).values()];

describe("a seat's short name", () => {
  it("leaves out what all numbers begin with", () => {
    expect(short(student("20260001"), student("20260010"), student("20260054"))).toEqual(["01", "10", "54"]);
    expect(short(student("7"), student("12"))).toEqual(["7", "12"]);
  });

  it("keeps two digits, also of two neighbours and of one alone", () => {
    expect(short(student("20260001"), student("20260002"))).toEqual(["01", "02"]);
    expect(short(student("20260001"))).toEqual(["0001"]);
    expect(short()).toEqual([]);
  });

  it("is the end of a keypad's number while it is nobody's", () => {
    expect(short(stray("82E9701B"), stray("seat-12ab34cd", "7"))).toEqual(["701B", "7"]);
  });

  it("tells a phone from a keypad", () => {
    expect(isPhone(stray("seat-12ab34cd", "7"))).toBe(true);
    expect(isPhone(stray("82E9701B"))).toBe(false);
    expect(isPhone(student("7"))).toBe(false);
  });
});
