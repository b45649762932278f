/** The teacher's side of the board: its live picture, and everything a teacher can ask of it. */

import { Refused, call, newId } from "../lib/api";
import { ends } from "../lib/questions";
import { Live } from "../lib/live.svelte";
import type { Show, TeacherView } from "../lib/views";
import { nameOf, type Bind, type Thing } from "./binding";
import { Draft, type QuestionBody } from "./draft.svelte";
import { explain, t } from "./words";

export interface Notice {
  id: number;
  text: () => string;
  tone: "plain" | "error";
  /** What the notice's one button says and does. */
  action: { label: () => string; run: () => void } | null;
}

type Role = "teacher" | "guest";
const NOTICE_MS = 8000;
const END_AFTER_MS = 6000;

class Board {
  readonly live = new Live<TeacherView>("teacher");
  readonly draft = new Draft();
  /** undefined: not known yet. */
  role = $state<Role | null | undefined>(undefined);
  notices = $state<Notice[]>([]);
  private pending = $state(false);
  private pendingSince = $state("");
  ending = $state(false);
  /** The question of a set that stands ready: the big button asks it. */
  prepared = $state<{ number: number; ask: () => Promise<void> } | null>(null);

  private noticeId = 0;
  private underWay: Promise<unknown> = Promise.resolve();
  private endTimer: ReturnType<typeof setTimeout> | undefined;

  get view(): TeacherView | null {
    return this.live.view;
  }

  async enter(): Promise<void> {
    try {
      const { role } = await call<{ role: string | null }>("GET", "/session");
      this.role = role === "teacher" || role === "guest" ? role : null;
      if (this.role) this.live.connect();
    } catch {
      setTimeout(() => void this.enter(), 2000);
    }
  }

  /** @throws Refused, Unreachable: the form shows it. */
  async signIn(secret: { pin: string } | { code: string }): Promise<void> {
    const { role } = await call<{ role: Role }>("POST", "/session", secret);
    this.notices = [];
    this.role = role;
    this.live.connect();
  }

  async signOut(): Promise<void> {
    if ((await this.run(() => call("DELETE", "/session"))) === FAILED) return;
    this.live.close();
    this.role = null;
  }

  sessionLost(): void {
    this.live.close();
    this.role = null;
    this.say(() => t().banner.takeOver, "error");
  }

  say(text: () => string, tone: Notice["tone"] = "plain", action: Notice["action"] = null): void {
    const id = ++this.noticeId;
    // The newest three are enough: a pile of notices is read by nobody.
    this.notices = [...this.notices.slice(-2), { id, text, tone, action }];
    setTimeout(() => this.dismiss(id), NOTICE_MS);
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }

  undoable(text: () => string, undo: () => Promise<unknown>): void {
    const run = () => void this.run(undo).then((done) => done !== FAILED && this.say(() => t().bind.undone));
    this.say(text, "plain", { label: () => t().undo, run });
  }

  /** Do it; a failure becomes a notice. */
  async run<T>(command: () => Promise<T>): Promise<T | typeof FAILED> {
    try {
      return await command();
    } catch (failure) {
      if (failure instanceof Refused && failure.status === 401) this.sessionLost();
      else this.say(() => explain(failure), "error");
      return FAILED;
    }
  }

  /** Where the lesson is, as far as the big button is concerned. */
  private get place(): string {
    const lesson = this.view?.lesson;
    const asked = lesson?.question?.asked;
    return `${lesson?.id} ${asked?.number} ${asked?.status}`;
  }

  /** A step is on its way and nothing shows it yet: another tap would be the same wish again. */
  get busy(): boolean {
    return this.pending && this.pendingSince === this.place;
  }

  async step<T>(command: () => Promise<T>): Promise<T | typeof FAILED> {
    if (this.busy) return FAILED;
    await this.underWay;
    this.pending = true;
    this.pendingSince = this.place;
    const running = this.run(command);
    this.underWay = running;
    try {
      return await running;
    } finally {
      this.pending = false;
    }
  }

  get at(): string {
    return `/lessons/${encodeURIComponent(this.view?.lesson?.id ?? "")}`;
  }

  async openLesson(class_id: string | null, title: string): Promise<void> {
    const once = { "Idempotency-Key": newId() };
    await this.step(() => call("POST", "/lessons", { class_id, title: title.trim() }, once));
  }

  /** Ends after a few seconds, in which it can be taken back. */
  endLesson(): void {
    if (this.ending) return;
    this.ending = true;
    const at = this.at;
    this.endTimer = setTimeout(() => {
      this.ending = false;
      void this.run(() => call("POST", `${at}/end`));
    }, END_AFTER_MS);
  }

  keepOpen(): void {
    clearTimeout(this.endTimer);
    this.ending = false;
  }

  async ask(): Promise<void> {
    if (this.draft.numberBad) return this.say(() => t().ask.keyNumberBad, "error");
    if (this.draft.orderBad) return this.say(() => t().ask.keyOrderBad, "error");
    const body: QuestionBody = this.draft.body();
    const once = { "Idempotency-Key": newId() };
    const done = await this.step(() => call("POST", `${this.at}/questions`, body, once));
    if (done !== FAILED) this.draft.asked();
  }

  async close(): Promise<void> {
    await this.step(() => call("POST", `${this.at}/questions/${this.number}/close`));
  }

  async reveal(): Promise<void> {
    if (this.view?.lesson?.question?.asked.kind === "attendance") return;
    await this.step(() => call("POST", `${this.at}/questions/${this.number}/reveal`));
  }

  /** Never dropped: what the room sees must be what was tapped last. */
  async show(show: Exclude<Show, "key">): Promise<void> {
    await this.underWay;
    await this.run(() => call("POST", `${this.at}/questions/${this.number}/show`, { show }));
  }

  /** Let the room read a group of equal answers in words, or take it back. */
  async showText(group: string, shown: boolean): Promise<void> {
    await this.run(() => call("POST", `${this.at}/questions/${this.number}/texts`, { group, shown }));
  }

  get number(): number {
    return this.view?.lesson?.question?.asked.number ?? 0;
  }

  /** What the space bar and the big button do. */
  async next(): Promise<void> {
    const asked = this.view?.lesson?.question?.asked;
    if (asked?.status === "open") await this.close();
    else if (asked?.status === "closed" && !ends(asked.kind)) await this.reveal();
    else await this.askNext();
  }

  /** Ask what stands ready: the question of the set, else the one under "Ask". */
  async askNext(): Promise<void> {
    await (this.prepared ? this.prepared.ask() : this.ask());
  }

  async changeClass(class_id: string | null): Promise<void> {
    const at = this.at;
    const before = this.view?.lesson?.class_id ?? null;
    if (before === class_id) return;
    const change = (to: string | null) => call("PATCH", at, { class_id: to });
    if ((await this.run(() => change(class_id))) === FAILED) return;
    this.undoable(
      () => (class_id === null ? t().classNone : t().classChanged(class_id)),
      () => change(before),
    );
  }

  async bind({ student, thing }: Bind): Promise<void> {
    const class_id = this.view?.lesson?.class_id;
    if (!class_id) return;
    const at = `/classes/${encodeURIComponent(class_id)}/bindings`;
    const who = this.callOf(student);
    const what = thingText(thing);
    if ((await this.run(() => call("POST", at, { student, ...thing }))) === FAILED) return;
    this.undoable(
      () => t().bind.done(what, who),
      () => call("DELETE", at, thing),
    );
  }

  async unbind({ student, thing }: Bind): Promise<void> {
    const class_id = this.view?.lesson?.class_id;
    if (!class_id) return;
    const at = `/classes/${encodeURIComponent(class_id)}/bindings`;
    const who = this.callOf(student);
    const what = thingText(thing);
    if ((await this.run(() => call("DELETE", at, thing))) === FAILED) return;
    this.undoable(
      () => t().bind.removed(what, who),
      () => call("POST", at, { student, ...thing }),
    );
  }

  private callOf(student: string): string {
    const found = this.view?.lesson?.respondents.find((one) => one.id === student);
    return found?.name ?? found?.label ?? student;
  }

  async pair(): Promise<void> {
    await this.run(() => call("POST", "/pairing"));
  }

  async approve(screen: string): Promise<void> {
    const done = await this.run(() => call("POST", `/screens/${encodeURIComponent(screen)}/approve`));
    if (done !== FAILED) this.say(() => t().banner.allowed);
  }

  async refuse(screen: string): Promise<void> {
    await this.run(() => call("POST", `/screens/${encodeURIComponent(screen)}/refuse`));
  }

  async locate(device: string): Promise<void> {
    const done = await this.run(() => call("POST", `/devices/${encodeURIComponent(device)}/locate`));
    if (done !== FAILED) this.say(() => t().devices.located);
  }
}

/** What `run` gives when the command failed and the teacher has been told. */
export const FAILED: unique symbol = Symbol("failed");

/** A phone is known by its seat's number, a keypad by what is printed on it, a card by its end. */
export function thingText(thing: Thing): string {
  const name = nameOf(thing);
  if ("card" in thing) return t().bind.card(name.slice(-4));
  const label = board.view?.lesson?.respondents.find((one) => one.id === name)?.label ?? name;
  return label === name ? t().bind.keypad(name) : t().bind.phone(label);
}

export const board = new Board();
