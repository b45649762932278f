import { language } from "../lib/language.svelte";
import type { DeviceView, MeasurementView } from "../lib/views";
import { sentence } from "../texts/words";
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

const OLD_MS = 5 * 60_000;

/** What a sensor told last, and how long ago if that is no longer now. Without its name: the value alone. */
export function reading(one: MeasurementView, since_ms: number): { value: string; old: string } {
  const locale = language.code === "zh" ? "zh-CN" : "en-GB";
  const figure = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }).format(one.value);
  const ago_ms = one.measured_ago_ms === null ? null : one.measured_ago_ms + Math.max(0, since_ms);
  const words = t().devices;
  const old = ago_ms === null ? words.longAgo : ago_ms > OLD_MS ? words.ago(Math.floor(ago_ms / 60_000)) : "";
  return { value: one.unit ? `${figure} ${one.unit}` : figure, old };
}

/** What a sensor measures, in the reader's language; its own name where the settings give none. */
export function quantity(device: DeviceView): string {
  const name = device.measured?.quantity ?? "";
  return name === "value" ? device.id : (sentence(t().devices.quantities, name) ?? name);
}

/** RFC 3339 -> the day and the minute, in the reader's language. */
export function dayAndTime(at: string): string {
  const locale = language.code === "zh" ? "zh-CN" : "en-GB";
  const form: Intl.DateTimeFormatOptions = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(locale, form).format(new Date(at));
}
