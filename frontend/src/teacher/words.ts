import { Refused, Unreachable } from "../lib/api";
import { language } from "../lib/language.svelte";
import { sentence, type Words } from "../texts/words";
import { en } from "./en";
import { zh, type TeacherWords } from "./zh";

/** The page's words in the reader's language. */
export const t = (): Words<TeacherWords> => (language.code === "zh" ? zh : en);

/** What a failure says to the teacher; a code this page does not know falls back to the server's hint. */
export function explain(failure: unknown): string {
  const { problems } = t();
  if (failure instanceof Unreachable) return problems.unreachable;
  if (!(failure instanceof Refused)) return problems.unknown;
  const { code, hint } = failure.problem;
  return sentence(problems, code) ?? (hint || `${problems.unknown} (${code})`);
}
