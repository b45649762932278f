/** What is to be said of a device: pure, so that it can be tested without a browser. */

import type { DeviceView, KeypadView, LastReadingView } from "../lib/views";
import { sentence, type Words } from "../texts/words";
import type { TeacherWords } from "./zh";

type All = Words<TeacherWords>;
export type Tone = "good" | "wait" | "bad";

const LOSSES = ["lost", "lost_cards", "receiver_lost", "receiver_refused", "gaps", "unconfirmed", "undelivered", "no_room"];
const REPEATS = ["repeats", "receiver_resent"];
const FIRMWARE = ["firmware"];

export function isIll(device: DeviceView): boolean {
  return device.state === "lost" || device.state === "misconfigured";
}

export function tone(device: DeviceView): Tone {
  if (isIll(device)) return "bad";
  return device.state === "ready" && device.alarms.length === 0 && device.refused === 0 ? "good" : "wait";
}

/** How all devices are together; "off" where there is none. */
export function toneOfAll(devices: DeviceView[]): Tone | "off" {
  if (devices.length === 0) return "off";
  const tones = devices.map(tone);
  return tones.includes("bad") ? "bad" : tones.includes("wait") ? "wait" : "good";
}

const URGENCY: Tone[] = ["bad", "wait", "good"];

/** What needs somebody first, else as the settings list them. */
export function illFirst(devices: DeviceView[]): DeviceView[] {
  return [...devices].sort((a, b) => URGENCY.indexOf(tone(a)) - URGENCY.indexOf(tone(b)));
}

/** What is wrong and what to do; "" when all is well. */
export function advice(device: DeviceView, words: All): string {
  if (device.state === "ready") return "";
  return sentence(words.devices.codes, device.code) ?? sentence(words.devicePage.advice, device.state) ?? "";
}

/** What is said to whoever mends it, as far as the page has words; "" if the advice says it all. */
export function hint(device: DeviceView, words: All["devicePage"]): string {
  return device.state === "ready" || device.hint === "" ? "" : words.adminDetail(device.code, device.hint);
}

/** How long ago, in words. */
export function ago(ms: number, words: All["devicePage"]): string {
  const s = Math.floor(ms / 1000);
  if (s < 5) return words.justNow;
  if (s < 60) return words.seconds(s);
  return s < 3600 ? words.minutes(Math.floor(s / 60)) : words.hours(Math.floor(s / 3600));
}

/** What a device read last. A kind that this page does not know is called by its own name. */
export function lastText(last: LastReadingView, words: All["devicePage"]): { kind: string; what: string } {
  const what = last.kind === "RemoteKey" ? (sentence(words.remote, last.what) ?? last.what) : last.what;
  return { kind: sentence(words.kinds, last.kind) ?? last.kind, what };
}

/** The sum of what was lost, or was repeated; null if the device counts no such thing. */
function sum(counters: Record<string, number>, names: string[]): number | null {
  const found = names.flatMap((name) => counters[name] ?? []);
  return found.length === 0 ? null : found.reduce((a, b) => a + b, 0);
}

export const losses = (device: DeviceView): number | null => sum(device.counters, LOSSES);
export const repeats = (device: DeviceView): number | null => sum(device.counters, REPEATS);

export interface Named {
  name: string;
  label: string;
  value: string;
}

/** Counters, those that counted something first. One without words here is called by its own name. */
export function counted(device: DeviceView, words: All): Named[] {
  return Object.entries(device.counters)
    .sort(([, a], [, b]) => Number(b > 0) - Number(a > 0))
    .map(([name, value]) => ({ name, label: sentence(words.devicePage.counters, name) ?? trouble(name, words) ?? name, value: String(value) }));
}

/** A trouble by its code, without the advice: what stands before the first stop of its sentence. */
function trouble(code: string, words: All): string | undefined {
  return sentence(words.devices.codes, code)?.split(/[:;,：；，。]/)[0];
}

/** What it said of itself, but for its firmware and its driver, which stand on the card already. */
export function facts(device: DeviceView, words: All["devicePage"]): Named[] {
  return Object.entries(device.facts)
    .filter(([name]) => name !== "driver" && !FIRMWARE.includes(name))
    .map(([name, value]) => ({ name, label: sentence(words.facts, name) ?? name, value }));
}

/** The weakest signal first: that is where trouble is. */
export function weakestFirst(keypads: KeypadView[]): KeypadView[] {
  const signal = (one: KeypadView) => one.rssi_dbm ?? 0;
  return [...keypads].sort((a, b) => signal(a) - signal(b) || a.keypad.localeCompare(b.keypad));
}
