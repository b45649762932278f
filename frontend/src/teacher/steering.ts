/** What a teacher does with a question that was asked: again, longer, anew, for one student. */

import { call, newId } from "../lib/api";
import type { AskedView, RespondentView } from "../lib/views";
import { FAILED, board } from "./board.svelte";
import { t } from "./words";

const at = (number: number, step: string) => `${board.at}/questions/${number}/${step}`;

/** Which round of a question, by the number that people see, would be the next; void ones have theirs. */
export function nextRound(place: number): number {
  const rounds = (board.view?.lesson?.history ?? []).filter((one) => one.place === place).map((one) => one.round);
  return Math.max(1, ...rounds) + 1;
}

export const steer = {
  async again(number = board.number): Promise<void> {
    const once = { "Idempotency-Key": newId() };
    await board.step(() => call("POST", at(number, "again"), undefined, once));
  },

  async reopen(): Promise<void> {
    await board.step(() => call("POST", at(board.number, "reopen")));
  },

  async void(asked: AskedView): Promise<void> {
    const { number, place, round } = asked;
    const restore = at(number, "restore");
    if ((await board.step(() => call("POST", at(number, "void")))) === FAILED) return;
    board.undoable(
      () => t().steering.voided(place, round),
      () => call("POST", restore),
    );
  },

  async restore(number: number): Promise<void> {
    await board.run(() => call("POST", at(number, "restore")));
  },

  async timer(step: "pause" | "resume" | "extend"): Promise<void> {
    await board.run(() => call("POST", at(board.number, "timer"), { step }));
  },

  async autoClose(on: boolean): Promise<void> {
    await board.run(() => call("PUT", `${board.at}/auto-close`, { on }));
  },

  /** "" for no answer, null: the student's own counts again. Whether it was done. */
  async enter(number: number, who: RespondentView, key: string | null): Promise<boolean> {
    const path = at(number, `answers/${encodeURIComponent(who.id)}`);
    return (await board.run(() => call("PUT", path, { key }))) !== FAILED;
  },
};
