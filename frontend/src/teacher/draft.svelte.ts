/** The question that would be asked next. */

import { LETTERS, MAX_OPTIONS, MIN_OPTIONS, cleanNumber, keysOf } from "../lib/questions";
import type { Policy, QuestionKind } from "../lib/views";

export const KINDS: readonly QuestionKind[] = ["single", "multiple", "true_false", "number", "buzz"];
export const TIMERS_S: readonly (number | null)[] = [null, 30, 60, 120, 300];

export interface QuestionBody {
  kind: QuestionKind;
  options: string[];
  key: string[] | null;
  timer_s: number | null;
  policy: Policy;
}

export class Draft {
  kind = $state<QuestionKind>("single");
  count = $state(4);
  texts = $state<string[]>(Array<string>(MAX_OPTIONS).fill(""));
  right = $state<string[]>([]);
  number = $state("");
  timer_s = $state<number | null>(null);
  firstWins = $state(false);

  get keys(): string[] {
    return keysOf(this.kind, this.count);
  }

  get numberBad(): boolean {
    return this.kind === "number" && this.number.trim() !== "" && cleanNumber(this.number) === null;
  }

  choose(kind: QuestionKind): void {
    if (kind !== this.kind) this.right = [];
    this.kind = kind;
  }

  resize(by: 1 | -1): void {
    this.count = Math.min(MAX_OPTIONS, Math.max(MIN_OPTIONS, this.count + by));
    this.right = this.right.filter((key) => LETTERS.indexOf(key) < this.count);
  }

  /** A multiple choice may have several right letters; elsewhere a new one takes the old one's place. */
  toggleRight(key: string): void {
    if (this.right.includes(key)) this.right = this.right.filter((other) => other !== key);
    else this.right = this.kind === "multiple" ? [...this.right, key].sort() : [key];
  }

  body(): QuestionBody {
    const choice = this.kind === "single" || this.kind === "multiple";
    const number = cleanNumber(this.number);
    const key = this.kind === "number" ? (number === null ? [] : [number]) : this.kind === "buzz" ? [] : [...this.right];
    return {
      kind: this.kind,
      options: choice ? this.texts.slice(0, this.count).map((text) => text.trim()) : [],
      key: key.length > 0 ? key : null,
      timer_s: this.timer_s,
      policy: this.firstWins || this.kind === "buzz" ? "first_wins" : "last_wins",
    };
  }

  /** What belongs to one question only goes; the kind, the timer and the rule stay. */
  asked(): void {
    this.texts = Array<string>(MAX_OPTIONS).fill("");
    this.right = [];
    this.number = "";
  }
}
