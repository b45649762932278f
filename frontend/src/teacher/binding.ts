/**
 * Giving a keypad or a card to a student, by "press your key now" or by two taps.
 *
 *   idle --student--> waiting --a press of a keypad that is nobody's--> bind
 *                     waiting --tap on a keypad or card--------------> bind
 *   idle --thing----> holding --student-----------------------------> bind
 */

import type { PressView, RespondentView } from "../lib/views";

export type Thing = { keypad: string } | { card: string };

export type Binding =
  | { step: "idle" }
  | { step: "waiting"; student: string; since: number; taken: string | null }
  | { step: "holding"; thing: Thing };

export interface Bind {
  student: string;
  thing: Thing;
}

export type Step = { next: Binding; bind: Bind | null };

export const IDLE: Binding = { step: "idle" };

const stay = (next: Binding): Step => ({ next, bind: null });

export function pickStudent(now: Binding, student: string, press: PressView | null): Step {
  if (now.step === "holding") return { next: IDLE, bind: { student, thing: now.thing } };
  if (now.step === "waiting" && now.student === student) return stay(IDLE);
  return stay({ step: "waiting", student, since: press?.count ?? 0, taken: null });
}

export function pickThing(now: Binding, thing: Thing): Step {
  if (now.step === "waiting") return { next: IDLE, bind: { student: now.student, thing } };
  if (now.step === "holding" && nameOf(now.thing) === nameOf(thing)) return stay(IDLE);
  return stay({ step: "holding", thing });
}

/** Only a press made after the student was chosen counts, and only of a keypad that is nobody's. */
export function sawPress(now: Binding, press: PressView | null): Step {
  if (now.step !== "waiting" || press === null || press.count <= now.since) return stay(now);
  if (press.student === null) {
    return { next: IDLE, bind: { student: now.student, thing: { keypad: press.keypad } } };
  }
  return stay({ ...now, since: press.count, taken: press.keypad });
}

export function nameOf(thing: Thing): string {
  return "keypad" in thing ? thing.keypad : thing.card;
}

/** A keypad or phone that is no student's stands for itself in the list. */
export function isNobodys(one: RespondentView): boolean {
  return one.keypads.includes(one.id);
}
