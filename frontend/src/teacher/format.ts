import { BUZZ, HERE } from "../lib/questions";
import { language } from "../lib/language.svelte";
import type { DeviceView, MeasurementView, QuestionKind } from "../lib/views";
import { measuredBy, told } from "./sensors";
import { t } from "./words";

/** What the bars say besides figures. */
export function barWords() {
  const { ask, question } = t();
  return { true: ask.true, false: ask.false, right: question.rightKey, empty: question.noAnswers, others: question.others, other: question.other };
}

/** An answer as people read it. */
export function answerText(key: string, kind?: QuestionKind): string {
  if (kind === "text") return key;
  if (key === HERE) return t().ask.here;
  if (key === BUZZ) return t().ask.short.buzz;
  return key === "true" ? t().ask.true : key === "false" ? t().ask.false : key;
}

/** What a sensor told last, in the reader's language. */
export function reading(one: MeasurementView, since_ms: number): { value: string; old: string } {
  return told(one, since_ms, t().devices, locale());
}

/** What a sensor measures, in the reader's language. */
export function quantity(device: DeviceView): string {
  return measuredBy(device, t().devices);
}

function locale(): string {
  return language.code === "zh" ? "zh-CN" : "en-GB";
}

/** A moment of this browser's clock, to the millisecond: what a device said is told apart by it. */
export function clock(at_ms: number): string {
  const at = new Date(at_ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** RFC 3339 -> the day and the minute, in the reader's language. */
export function dayAndTime(at: string): string {
  const form: Intl.DateTimeFormatOptions = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(locale(), form).format(new Date(at));
}
