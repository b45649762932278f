/** The question that would be asked next. */

import { LETTERS, MAX_OPTIONS, MIN_OPTIONS, cleanNumber, keysOf } from "../lib/questions";
import type { Policy, QuestionKind } from "../lib/views";

export const KINDS: readonly QuestionKind[] = ["single", "multiple", "true_false", "number", "buzz", "text", "scale", "order", "attendance"];
export const TIMERS_S: readonly (number | null)[] = [null, 30, 60, 120, 300];

/** How few and how many options a kind may have. */
export const COUNTS: Partial<Record<QuestionKind, readonly [number, number]>> = {
  single: [MIN_OPTIONS, MAX_OPTIONS],
  multiple: [MIN_OPTIONS, MAX_OPTIONS],
  scale: [2, 10],
  order: [3, 8],
};
const BETWEEN = /^(.+?)\s*(±|\+\/-|\+-|\.\.+|[~～至])\s*(.+)$/;

/** A number, "12.5±0.1" or "10..12" as typed, or null if it is none of them. */
export function cleanNumberKey(text: string): string | null {
  const [, first = "", sign = "", second = ""] = BETWEEN.exec(text.trim()) ?? [];
  if (sign === "") return cleanNumber(text);
  const [low, high] = [cleanNumber(first), cleanNumber(second)];
  if (low === null || high === null) return null;
  if (/^[±+]/.test(sign)) return high.startsWith("-") ? null : `${low}±${high}`;
  return Number(low) > Number(high) ? null : `${low}..${high}`;
}

export interface QuestionBody {
  kind: QuestionKind;
  options: string[];
  key: string[] | null;
  timer_s: number | null;
  policy: Policy;
}

export class Draft {
  kind = $state<QuestionKind>("single");
  private choices = $state(4);
  private steps = $state(5);
  private items = $state(4);
  texts = $state<string[]>(Array<string>(MAX_OPTIONS).fill(""));
  right = $state<string[]>([]);
  number = $state("");
  written = $state("");
  low = $state("");
  high = $state("");
  timer_s = $state<number | null>(null);
  firstWins = $state(false);

  get count(): number {
    return this.countOf(this.kind);
  }

  countOf(kind: QuestionKind): number {
    return kind === "scale" ? this.steps : kind === "order" ? this.items : this.choices;
  }

  get keys(): string[] {
    return keysOf(this.kind, this.count);
  }

  get numberBad(): boolean {
    return this.kind === "number" && this.number.trim() !== "" && cleanNumberKey(this.number) === null;
  }

  /** Begun, and not all are in their places. */
  get orderBad(): boolean {
    return this.kind === "order" && this.right.length > 0 && this.right.length < this.count;
  }

  choose(kind: QuestionKind): void {
    if (kind !== this.kind) this.right = [];
    this.kind = kind;
  }

  resize(by: 1 | -1): void {
    const [fewest, most] = COUNTS[this.kind] ?? [0, 0];
    const count = Math.min(most, Math.max(fewest, this.count + by));
    if (this.kind === "scale") this.steps = count;
    else if (this.kind === "order") this.items = count;
    else this.choices = count;
    this.right = this.right.filter((key) => LETTERS.indexOf(key) < this.count);
  }

  /** A multiple choice may have several right letters, an order has all in theirs; elsewhere a new one takes the old one's place. */
  toggleRight(key: string): void {
    if (this.right.includes(key)) this.right = this.right.filter((other) => other !== key);
    else if (this.kind === "order") this.right = [...this.right, key];
    else this.right = this.kind === "multiple" ? [...this.right, key].sort() : [key];
  }

  private get key(): string[] {
    switch (this.kind) {
      case "number":
        return [cleanNumberKey(this.number) ?? ""];
      case "text":
        return this.written.split(/[;；]/).map((text) => text.trim());
      case "order":
        return [this.right.length === this.count ? this.right.join("") : ""];
      case "single":
      case "multiple":
      case "true_false":
        return [...this.right];
      default:
        return [];
    }
  }

  private get options(): string[] {
    if (this.kind === "scale") return this.keys.map((_, step) => (step === 0 ? this.low : step === this.count - 1 ? this.high : "").trim());
    return COUNTS[this.kind] ? this.texts.slice(0, this.count).map((text) => text.trim()) : [];
  }

  body(): QuestionBody {
    const key = this.key.filter((one) => one !== "");
    return {
      kind: this.kind,
      options: this.options,
      key: key.length > 0 ? key : null,
      timer_s: this.timer_s,
      policy: this.kind === "buzz" || (this.firstWins && this.kind !== "attendance") ? "first_wins" : "last_wins",
    };
  }

  /** What belongs to one question only goes; the kind, the timer and the rule stay. */
  asked(): void {
    this.texts = Array<string>(MAX_OPTIONS).fill("");
    this.right = [];
    this.number = "";
    this.written = "";
  }
}
