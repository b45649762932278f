/** Short names of seats: what tells one from its neighbours fits into a small square. */

import type { RespondentView } from "../lib/views";
import { isNobodys } from "./binding";

const SHORTEST = 2;
/** The end of a keypad's long number. */
const END = 4;

/** By id. What all student numbers begin with (a year, a class) is left out: 20260001 is 01. */
export function shortLabels(respondents: RespondentView[]): Map<string, string> {
  const students = respondents.filter((one) => !isNobodys(one)).map((one) => one.label);
  const length = Math.max(SHORTEST, ...students.map((label) => label.length - sharedStart(students)));
  return new Map(respondents.map((one) => [one.id, one.label.slice(-(isNobodys(one) ? END : length))]));
}

function sharedStart(labels: string[]): number {
  const [first = "", ...others] = labels;
  if (others.length === 0) return Math.max(0, first.length - END);
  let shared = 0;
  while (shared < first.length && others.every((label) => label[shared] === first[shared])) shared += 1;
  return shared;
}

/** A phone without a student has its seat's number for a label, a keypad its own. */
export function isPhone(one: RespondentView): boolean {
  return isNobodys(one) && one.label !== one.id;
}
