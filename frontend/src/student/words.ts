import { Refused, Unreachable } from "../lib/api";
import { sentence, type Words } from "../texts/words";
import type { StudentWords } from "./zh";

type Texts = Words<StudentWords>;

/** The sentence of a code; one this page does not know falls back to the server's hint. */
export function codeText(t: Texts, code: string, hint = ""): string {
  return sentence(t.problems, code) ?? (hint || `${t.problems.unknown} (${code})`);
}

export function explain(t: Texts, failure: unknown): string {
  if (failure instanceof Unreachable) return t.problems.unreachable;
  if (failure instanceof Refused) return codeText(t, failure.problem.code, failure.problem.hint);
  return t.problems.unknown;
}
