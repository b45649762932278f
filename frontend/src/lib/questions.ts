/** Keys, options and the figures drawn from them: pure, shared by all pages. */

import type { AskedView, Bar, BuzzView, QuestionKind } from "./views";

export const LETTERS = "ABCDEFGHIJ";
export const MIN_OPTIONS = 2;
export const MAX_OPTIONS = 10;

/** What a buzz is written as. */
export const BUZZ = "buzz";

/** What a press is written as where it is called who is there. */
export const HERE = "here";

/** The keys that tiles of a question have, in order; none where any key or a text is the answer. */
export function keysOf(kind: QuestionKind, options: number): string[] {
  if (kind === "true_false") return ["true", "false"];
  if (kind === "scale") return Array.from({ length: options }, (_, step) => String(step + 1));
  if (kind !== "single" && kind !== "multiple" && kind !== "order") return [];
  return LETTERS.slice(0, options).split("");
}

/** The canonical key of a multiple choice: its letters, sorted, each once. */
export function joinLetters(letters: Iterable<string>): string {
  return [...new Set(letters)].sort().join("");
}

/** A number as typed, or null if it is none. Full-width digits and the comma of a keypad count. */
export function cleanNumber(text: string): string | null {
  const plain = text
    .trim()
    .replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0))
    .replace(/[−－﹣]/g, "-")
    .replace(/[．。,，]/g, ".");
  return /^-?(\d{1,12}(\.\d{0,9})?|\.\d{1,9})$/.test(plain) ? plain : null;
}

/** Whether there is nothing to reveal: it is closed, and that is all. */
export function ends(kind: QuestionKind | undefined): boolean {
  return kind === "buzz" || kind === "attendance";
}

/** Whether `key` is (part of) the right answer. */
export function isRight(right: string[] | null, kind: QuestionKind, key: string): boolean {
  if (right === null) return false;
  return kind === "multiple" ? joinLetters(right.join("")).includes(key) : right.includes(key);
}

/** Seconds left of a question's timer, `since_ms` after it was told; null without one. */
export function left_s(asked: AskedView, since_ms: number): number | null {
  const { timer } = asked;
  if (timer === null) return null;
  return Math.max(0, Math.ceil((timer.left_ms - (timer.running ? since_ms : 0)) / 1000));
}

/** The address that is typed: without what only a QR code carries. */
export function shownAddress(url: string): string {
  return url.replace(/^https?:\/\//, "").replace(/\?.*$/, "");
}

/** 75 -> "1:15". */
export function clock(s: number): string {
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

/** How long after the first: 5.1 -> "+5.1 ms", 1234 -> "+1.23 s". */
export function gapText(buzz: BuzzView, unknown: string): string {
  if (buzz.behind_ms === null) return unknown;
  return buzz.behind_ms < 1000 ? `+${buzz.behind_ms.toFixed(1)} ms` : `+${(buzz.behind_ms / 1000).toFixed(2)} s`;
}

/** The places that one may have: "1", or "1–3" where others cannot be told apart. */
export function placeText(buzz: BuzzView): string {
  return buzz.place === buzz.last_place ? String(buzz.place) : `${buzz.place}–${buzz.last_place}`;
}

/** Whether exactly these share their places, and no other may have one of them. */
export function isTie(buzz: BuzzView, all: BuzzView[]): boolean {
  const same = all.filter((one) => one.place === buzz.place && one.last_place === buzz.last_place);
  return same.length > 1 && same.length === buzz.last_place - buzz.place + 1;
}

/** How far that may be off: "± 1.4 ms". */
export function takeText(buzz: BuzzView): string {
  if (buzz.behind_ms === null) return "";
  const digits = buzz.give_or_take_ms < 10 ? 1 : 0;
  return `± ${buzz.give_or_take_ms.toFixed(digits)} ms`;
}

/** Whole per cent; 0 of 0 is 0. */
export function percent(part: number, whole: number): number {
  return whole > 0 ? Math.round((100 * part) / whole) : 0;
}

/** The server's bar for the numbers beyond the commonest. */
export const OTHER = "other";

/**
 * The right and the fullest bars, at most `most`, in their own order, and how many answers are in the others.
 * Where bars are left out, the server's own bar of others is left out with them: there is one figure of others.
 */
export function fullest(bars: Bar[], most: number): { bars: Bar[]; others: number } {
  if (bars.length <= most) return { bars, others: 0 };
  const named = bars.filter((bar) => bar.key !== OTHER);
  const rank = (bar: Bar) => (bar.right === true ? Infinity : bar.count);
  const kept = new Set(named.sort((a, b) => (rank(a) === rank(b) ? 0 : rank(b) - rank(a))).slice(0, most));
  const others = bars.reduce((sum, bar) => (kept.has(bar) ? sum : sum + bar.count), 0);
  return { bars: bars.filter((bar) => kept.has(bar)), others };
}
