import type { DeviceView, MeasurementView } from "../lib/views";
import { sentence } from "../texts/words";
import type { TeacherWords } from "./zh";

const OLD_MS = 5 * 60_000;
type DeviceWords = Pick<TeacherWords["devices"], "quantities" | "ago" | "longAgo">;

/** What a sensor told last: the figure with its unit, and how long ago if that is no longer now. */
export function told(one: MeasurementView, since_ms: number, words: DeviceWords, locale: string): { value: string; old: string } {
  const figure = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }).format(one.value);
  const value = one.unit ? `${figure} ${one.unit}` : figure;
  if (one.measured_ago_ms === null) return { value, old: words.longAgo };
  const ago_ms = one.measured_ago_ms + Math.max(0, since_ms);
  return { value, old: ago_ms > OLD_MS ? words.ago(Math.floor(ago_ms / 60_000)) : "" };
}

/** What a sensor measures; its own name where the settings give none. */
export function measuredBy(device: DeviceView, words: DeviceWords): string {
  const name = device.measured?.quantity ?? "";
  return name === "value" ? device.id : (sentence(words.quantities, name) ?? name);
}
