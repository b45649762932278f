/**
 * Hands one answer at a time to the board, until the board has answered.
 *
 *   idle --answer--> sending --accepted, changed--> recorded     (only here is there a tick)
 *                    sending --rejected-----------> refused
 *                    sending --no reply, 5xx, 429-> sending again, the same attempt_id
 *
 * A newer answer waits for the one on its way and takes the place of any other that waits, so the
 * last tap is the last to arrive. An attempt is kept in storage until the board has answered: it
 * survives sleep and reload.
 */

import { Refused, newId } from "../lib/api";
import { backoff_ms } from "../lib/events";

/** `seat`: of one lesson, so that no other lesson takes the answer. */
export interface Attempt {
  seat: string;
  question: number;
  key: string;
  attempt_id: string;
}

export interface Reply {
  outcome: "accepted" | "changed" | "rejected";
  code: string;
}

export type Trouble = "offline" | "not_saved" | "busy";

export type Delivery =
  | { step: "idle" }
  | { step: "sending"; question: number; key: string; trouble: Trouble | null }
  | { step: "recorded"; question: number; key: string; changed: boolean }
  | { step: "refused"; question: number; key: string; code: string };

export interface Outside {
  post: (attempt: Attempt) => Promise<Reply>;
  /** Resolves after so long, or at once when `wake` is called. */
  sleep: (ms: number) => Promise<void>;
  show: (delivery: Delivery) => void;
  seatLost: () => void;
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
}

const STORED = "attempt";

export class Sender {
  private next: Attempt | null = null;
  private running = false;
  private seat = "";

  constructor(private readonly outside: Outside) {}

  /** Answer from this seat; take up what a reload has left behind of it. A seat is of one lesson: an answer that another lesson left is none of this one's. */
  sit(seat: string): void {
    this.seat = seat;
    const stored = this.outside.storage.getItem(STORED);
    if (stored === null) return;
    const attempt = JSON.parse(stored) as Attempt;
    if (attempt.seat === seat) this.take(attempt);
    else this.outside.storage.removeItem(STORED);
  }

  answer(question: number, key: string): void {
    this.take({ seat: this.seat, question, key, attempt_id: newId() });
  }

  /** Forget what waits: it belongs to a lesson that is over. */
  forget(): void {
    this.next = null;
    this.outside.storage.removeItem(STORED);
    this.outside.show({ step: "idle" });
  }

  private take(attempt: Attempt): void {
    this.next = attempt;
    this.outside.storage.setItem(STORED, JSON.stringify(attempt));
    this.showSending(attempt, null);
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    try {
      while (this.next !== null) await this.deliver(this.next);
    } finally {
      this.running = false;
    }
  }

  private async deliver(attempt: Attempt): Promise<void> {
    for (let tries = 0; this.next === attempt; tries += 1) {
      try {
        const reply = await this.outside.post(attempt);
        this.settled(attempt, reply.outcome === "rejected" ? reply.code : null, reply.outcome === "changed");
        return;
      } catch (failure) {
        const refused = failure instanceof Refused ? failure : null;
        if (refused?.status === 401) {
          this.forget();
          this.outside.seatLost();
          return;
        }
        if (refused && refused.status < 500 && refused.status !== 429) {
          this.settled(attempt, refused.problem.code, false);
          return;
        }
        if (this.next === attempt) {
          this.showSending(attempt, refused === null ? "offline" : refused.status === 429 ? "busy" : "not_saved");
        }
        await this.outside.sleep(refused?.retry_s ? refused.retry_s * 1000 : backoff_ms(tries));
      }
    }
  }

  /** The board has answered; a newer answer that came meanwhile goes on by itself. */
  private settled(attempt: Attempt, code: string | null, changed: boolean): void {
    if (this.next !== attempt) return;
    this.next = null;
    this.outside.storage.removeItem(STORED);
    const { question, key } = attempt;
    this.outside.show(code === null ? { step: "recorded", question, key, changed } : { step: "refused", question, key, code });
  }

  private showSending({ question, key }: Attempt, trouble: Trouble | null): void {
    this.outside.show({ step: "sending", question, key, trouble });
  }
}

/** A sleep that `wake` cuts short. */
export function wakeableSleep(): { sleep: (ms: number) => Promise<void>; wake: () => void } {
  let wake = () => {};
  const sleep = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  return { sleep, wake: () => wake() };
}
