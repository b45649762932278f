/** This phone's side of the lesson: its seat, its answer, the live question. */

import { Refused, call } from "../lib/api";
import { chooseLanguage, firstLanguage } from "../lib/language";
import { LiveLine, type Seen } from "../lib/live";
import type { StudentView } from "../lib/views";
import { Sender, wakeableSleep, type Delivery, type Reply } from "./sender";
import { en } from "./en";
import { zh } from "./zh";

interface Me {
  seat: string;
  number: number;
  question: number | null;
  key: string | null;
}

/** The status by which the board says that the seat's lesson has ended. */
const LESSON_OVER = 409;

export class Phone {
  seen: Seen<StudentView> = { view: null, line: "connecting", received_ms: 0, status: 0 };
  /** "asking": not known yet; "none": the room code is needed; "over": it was of a lesson that has ended. */
  seat: "asking" | "none" | "taken" | "over" = "asking";
  number = 0;
  joinFailure: unknown = null;
  joining = false;
  delivery: Delivery = { step: "idle" };
  /** What the board has on disk of this phone for a question. */
  recorded: { question: number; key: string } | null = null;
  language = firstLanguage();
  /** What is being put together for a question, not sent yet: letters of a multiple choice, a number. */
  typed: { question: number; text: string } = { question: 0, text: "" };
  /** An answer that had not come in when its lesson ended; "" if there is none. */
  unsent = "";
  /** From `?c=`, then what the reader types. */
  code: string;

  /** The lesson that the seat is in, once a view has named it. */
  private lesson: string | null = null;
  private readonly live: LiveLine<StudentView>;
  private readonly alarm = wakeableSleep();
  private readonly sender: Sender;

  constructor(private readonly changed: () => void) {
    this.code = new URLSearchParams(location.search).get("c") ?? "";
    this.live = new LiveLine<StudentView>("student", (seen) => {
      this.seen = seen;
      if (seen.line === "refused") this.leave(seen.status === LESSON_OVER ? "over" : "none");
      else if (seen.view !== null) this.stayIn(seen.view.lesson);
      this.changed();
    });
    this.sender = new Sender({
      post: (attempt) => call<Reply>("POST", "/s/answer", attempt),
      sleep: this.alarm.sleep,
      show: (delivery) => this.show(delivery),
      seatLost: () => this.leave(),
      storage: localStorage,
    });
    addEventListener("online", () => this.alarm.wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.alarm.wake());
  }

  get words() {
    return this.language === "zh" ? zh : en;
  }

  otherLanguage(): void {
    this.language = chooseLanguage(this.language === "zh" ? "en" : "zh");
    this.changed();
  }

  async start(): Promise<void> {
    if (this.code !== "" && (await this.join())) return;
    try {
      await this.me();
    } catch (failure) {
      if (failure instanceof Refused && failure.status < 500) this.leave(failure.status === LESSON_OVER ? "over" : "none");
      else setTimeout(() => void this.start(), 2000);
    }
  }

  /** True if the phone has its seat. A phone that has one in this lesson gets the same again. */
  async join(): Promise<boolean> {
    if (this.joining) return false;
    this.joining = true;
    this.changed();
    try {
      await call("POST", "/s/join", { room_code: this.code.trim() });
      history.replaceState(null, "", location.pathname);
      await this.me();
      this.joinFailure = null;
      return true;
    } catch (failure) {
      this.joinFailure = failure;
      const wait_s = failure instanceof Refused ? failure.retry_s : null;
      this.changed();
      // Whoever guesses codes waits.
      if (wait_s !== null) await this.alarm.sleep(wait_s * 1000);
      return false;
    } finally {
      this.joining = false;
      this.changed();
    }
  }

  type(question: number, text: string): void {
    this.typed = { question, text };
    this.changed();
  }

  answer(question: number, key: string): void {
    this.sender.answer(question, key);
  }

  /** The seat is of a lesson that is over, or of none. */
  leave(to: "none" | "over" = "none"): void {
    if (this.seat === "taken") {
      this.unsent = to === "over" ? lateKey(this.delivery) : "";
      this.live.close();
      this.sender.forget();
      this.code = "";
      this.lesson = null;
    }
    this.recorded = null;
    this.seat = to;
    this.changed();
  }

  /** A seat is of one lesson: when that is over, or another one is open, so is the seat. */
  private stayIn(lesson: string | null): void {
    if (lesson !== null && (this.lesson ?? lesson) === lesson) this.lesson = lesson;
    else this.leave("over");
  }

  private async me(): Promise<void> {
    const me = await call<Me>("GET", "/s/me");
    this.number = me.number;
    this.recorded = me.question !== null && me.key ? { question: me.question, key: me.key } : null;
    this.seat = "taken";
    this.changed();
    this.live.connect();
    this.sender.sit(me.seat);
  }

  private show(delivery: Delivery): void {
    this.delivery = delivery;
    if (delivery.step === "recorded") this.recorded = { question: delivery.question, key: delivery.key };
    this.changed();
  }
}

/** The answer that the end of the lesson was quicker than; "" if there is none. */
function lateKey(delivery: Delivery): string {
  const late = delivery.step === "sending" || (delivery.step === "refused" && delivery.code === "lesson_over");
  return late ? delivery.key : "";
}
