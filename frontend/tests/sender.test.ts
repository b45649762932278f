import { describe, expect, it } from "vitest";
import { Refused, Unreachable } from "../src/lib/api";
import { Sender, type Attempt, type Delivery, type Reply } from "../src/student/sender";

const refusal = (status: number, code: string, retry_s: number | null = null) =>
  new Refused(status, { code, where: "", hint: "" }, retry_s, undefined);
const reply = (outcome: Reply["outcome"], code = ""): Reply => ({ outcome, code });

class Store {
  kept = new Map<string, string>();
  getItem = (name: string) => this.kept.get(name) ?? null;
  setItem = (name: string, value: string) => void this.kept.set(name, value);
  removeItem = (name: string) => void this.kept.delete(name);
}

/** A phone whose every request and every pause is in the test's hand. */
class Scene {
  posted: Attempt[] = [];
  slept: number[] = [];
  shown: Delivery[] = [];
  seatLost = 0;
  private answers: { resolve: (reply: Reply) => void; reject: (failure: unknown) => void }[] = [];
  private sleepers: (() => void)[] = [];
  readonly sender: Sender;

  constructor(readonly storage = new Store()) {
    this.sender = new Sender({
      post: (attempt) => {
        this.posted.push(attempt);
        return new Promise((resolve, reject) => this.answers.push({ resolve, reject }));
      },
      sleep: (ms) => {
        this.slept.push(ms);
        return new Promise((resolve) => this.sleepers.push(resolve));
      },
      show: (delivery) => this.shown.push(delivery),
      seatLost: () => (this.seatLost += 1),
      storage,
    });
  }

  get now(): Delivery {
    return this.shown[this.shown.length - 1]!;
  }

  async says(reply: Reply): Promise<void> {
    this.answers.shift()!.resolve(reply);
    await settle();
  }

  async fails(failure: unknown): Promise<void> {
    this.answers.shift()!.reject(failure);
    await settle();
  }

  async wakes(): Promise<void> {
    this.sleepers.shift()!();
    await settle();
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("an answer on its way", () => {
  it("is recorded only when the board says so", async () => {
    const scene = new Scene();
    scene.sender.answer(4, "B");
    expect(scene.now).toEqual({ step: "sending", question: 4, key: "B", trouble: null });
    await scene.says(reply("accepted"));
    expect(scene.now).toEqual({ step: "recorded", question: 4, key: "B", changed: false });
    expect(scene.storage.kept.size).toBe(0);
  });

  it("says when it was changed", async () => {
    const scene = new Scene();
    scene.sender.answer(4, "C");
    await scene.says(reply("changed"));
    expect(scene.now).toMatchObject({ step: "recorded", key: "C", changed: true });
  });

  it("goes again under the same name until the board answers, through silence, 503 and 429", async () => {
    const scene = new Scene();
    scene.sender.answer(4, "A");
    await scene.fails(new Unreachable());
    expect(scene.now).toMatchObject({ step: "sending", trouble: "offline" });
    await scene.wakes();
    await scene.fails(refusal(503, "not_durable"));
    expect(scene.now).toMatchObject({ step: "sending", trouble: "not_saved" });
    await scene.wakes();
    await scene.fails(refusal(429, "too_many_presses", 3));
    expect(scene.now).toMatchObject({ step: "sending", trouble: "busy" });
    await scene.wakes();
    await scene.says(reply("accepted"));
    expect(scene.now.step).toBe("recorded");
    expect(new Set(scene.posted.map((attempt) => attempt.attempt_id)).size).toBe(1);
    expect(scene.posted).toHaveLength(4);
    expect(scene.slept).toEqual([500, 1000, 3000]);
  });

  it("is refused in the board's words, and not sent again", async () => {
    const scene = new Scene();
    scene.sender.answer(4, "A");
    await scene.says(reply("rejected", "question_closed"));
    expect(scene.now).toMatchObject({ step: "refused", code: "question_closed" });
    scene.sender.answer(9, "Z");
    await scene.fails(refusal(422, "option_unknown"));
    expect(scene.now).toMatchObject({ step: "refused", code: "option_unknown" });
    expect(scene.posted).toHaveLength(2);
    expect(scene.storage.kept.size).toBe(0);
  });

  it("lets only the last of quick taps follow, after the one on its way", async () => {
    const scene = new Scene();
    scene.sender.answer(4, "A");
    scene.sender.answer(4, "B");
    scene.sender.answer(4, "C");
    expect(scene.posted.map((attempt) => attempt.key)).toEqual(["A"]);
    await scene.says(reply("accepted"));
    expect(scene.now).toMatchObject({ step: "sending", key: "C" });
    await scene.says(reply("changed"));
    expect(scene.posted.map((attempt) => attempt.key)).toEqual(["A", "C"]);
    expect(scene.now).toMatchObject({ step: "recorded", key: "C" });
  });

  it("gives up an answer that was not delivered when a newer one is there", async () => {
    const scene = new Scene();
    scene.sender.answer(4, "A");
    await scene.fails(new Unreachable());
    scene.sender.answer(4, "D");
    await scene.wakes();
    expect(scene.posted.map((attempt) => attempt.key)).toEqual(["A", "D"]);
  });

  it("survives a reload with its name", async () => {
    const before = new Scene();
    before.sender.sit("seat-1");
    before.sender.answer(4, "B");
    const after = new Scene(before.storage);
    after.sender.sit("seat-1");
    expect(after.posted[0]).toEqual(before.posted[0]);
    await after.says(reply("accepted"));
    expect(after.now.step).toBe("recorded");
  });

  it("is not taken into the next lesson", async () => {
    const before = new Scene();
    before.sender.sit("seat-1");
    before.sender.answer(1, "B");
    const after = new Scene(before.storage);
    after.sender.sit("seat-2");
    await settle();
    expect(after.posted).toEqual([]);
    expect(after.storage.kept.size).toBe(0);
  });

  it("stops when the seat is gone", async () => {
    const scene = new Scene();
    scene.sender.answer(4, "B");
    await scene.fails(refusal(401, "seat_unknown"));
    expect(scene.seatLost).toBe(1);
    expect(scene.now.step).toBe("idle");
    expect(scene.storage.kept.size).toBe(0);
  });
});
