/** The prepared sets, and which question of which stands ready. */

import { Refused, call, newId } from "../lib/api";
import type { QuestionKind } from "../lib/views";
import { FAILED, board } from "./board.svelte";

export interface SetHead {
  id: string;
  name: string;
  version: string;
  items: number;
}

export interface Item {
  kind: QuestionKind;
  text: string;
  options: string[];
  key: string[] | null;
  points: string[];
  timer_s: number | null;
  title: string;
  asked: "lesson" | "today" | null;
}

export interface SetView {
  id: string;
  name: string;
  version: string;
  items: Item[];
}

/** A line of a file's report. */
export interface SetProblem {
  line: number;
  code: string;
  hint: string;
  what: string;
  file: string;
  left_out: boolean;
}

export interface SetReport {
  id: string | null;
  name: string;
  version: string;
  items: Item[];
  left_out: number;
  problems: SetProblem[];
}

const REMEMBERED = "set";

export class Sets {
  heads = $state<SetHead[]>([]);
  chosen = $state<SetView | null>(null);
  /** Which question stands ready, from 0. */
  place = $state(0);

  get ready(): Item | null {
    return this.chosen?.items[this.place] ?? null;
  }

  async load(): Promise<void> {
    const found = await board.run(() => call<{ sets: SetHead[] }>("GET", "/sets"));
    if (found === FAILED) return;
    this.heads = found.sets;
    const before = this.chosen?.id ?? remembered();
    if (before !== null && found.sets.some((one) => one.id === before)) await this.choose(before);
    else this.leave();
  }

  async choose(id: string): Promise<void> {
    const found = await board.run(() => call<SetView>("GET", `/sets/${encodeURIComponent(id)}`));
    if (found === FAILED) return;
    const same = this.chosen?.id === id && this.chosen.version === found.version;
    this.chosen = found;
    if (!same || this.ready === null) this.place = this.after(-1);
    remember(id);
  }

  leave(): void {
    this.chosen = null;
    remember(null);
  }

  /** The next question that this lesson was not asked; where there is none, the one behind, or the last. */
  private after(place: number): number {
    const items = this.chosen?.items ?? [];
    const fresh = items.findIndex((one, at) => at > place && one.asked !== "lesson");
    return fresh >= 0 ? fresh : Math.min(place + 1, Math.max(0, items.length - 1));
  }

  go(to: number): void {
    const last = (this.chosen?.items.length ?? 1) - 1;
    this.place = Math.min(last, Math.max(0, to));
  }

  /** Ask what stands ready; the next one stands ready then. */
  async ask(): Promise<void> {
    const { chosen, place } = this;
    if (chosen === null) return;
    const body = { set_id: chosen.id, version: chosen.version, item: place + 1 };
    const once = { "Idempotency-Key": newId() };
    const done = await board.step(() => call("POST", `${board.at}/prepared`, body, once).catch(this.anew));
    if (done === FAILED) return;
    const item = chosen.items[place];
    if (item) item.asked = "lesson";
    if (this.chosen === chosen && this.place === place) this.place = this.after(place);
  }

  /** The set is another one by now: it is shown as it is, and nothing was asked. */
  private anew = (failure: unknown): never => {
    if (failure instanceof Refused && ["set_changed", "set_unknown"].includes(failure.problem.code)) void this.load();
    throw failure;
  };

  async bring(file: Blob, name: string, keep: boolean): Promise<SetReport> {
    const query = `name=${encodeURIComponent(name)}&keep=${keep}`;
    return call<SetReport>("POST", `/sets?${query}`, file, { "Content-Type": "application/octet-stream" });
  }

  async remove(id: string): Promise<void> {
    if ((await board.run(() => call("DELETE", `/sets/${encodeURIComponent(id)}`))) !== FAILED) await this.load();
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null;
  }
}

function remember(id: string | null): void {
  try {
    if (id === null) localStorage.removeItem(REMEMBERED);
    else localStorage.setItem(REMEMBERED, id);
  } catch {
    // a browser that keeps nothing: the set is chosen anew after a reload
  }
}

export const sets = new Sets();
