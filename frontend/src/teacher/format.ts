import { language } from "../lib/language.svelte";
import { t } from "./words";

/** What the bars say besides figures. */
export function barWords() {
  const { ask, question } = t();
  return { true: ask.true, false: ask.false, right: question.rightKey, empty: question.noAnswers, others: question.others, other: question.other };
}

/** An answer as people read it. */
export function answerText(key: string): string {
  return key === "true" ? t().ask.true : key === "false" ? t().ask.false : key;
}

/** RFC 3339 -> the day and the minute, in the reader's language. */
export function dayAndTime(at: string): string {
  const locale = language.code === "zh" ? "zh-CN" : "en-GB";
  const form: Intl.DateTimeFormatOptions = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(locale, form).format(new Date(at));
}
