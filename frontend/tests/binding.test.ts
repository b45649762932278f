import { describe, expect, it } from "vitest";
import type { PressView } from "../src/lib/views";
import { IDLE, isNobodys, pickStudent, pickThing, sawPress, type Binding } from "../src/teacher/binding";

const press = (count: number, keypad = "82E97001", student: string | null = null): PressView => ({ count, keypad, student });

describe("press your key now", () => {
  const waiting = pickStudent(IDLE, "s1", press(7)).next;

  it("takes the first press after the student was chosen", () => {
    expect(sawPress(waiting, press(7)).bind).toBeNull();
    const { next, bind } = sawPress(waiting, press(8));
    expect(bind).toEqual({ student: "s1", thing: { keypad: "82E97001" } });
    expect(next).toEqual(IDLE);
  });

  it("takes the very first press of the lesson", () => {
    expect(sawPress(pickStudent(IDLE, "s1", null).next, press(1)).bind).not.toBeNull();
  });

  it("goes on waiting when somebody presses a keypad that has an owner", () => {
    const { next, bind } = sawPress(waiting, press(9, "82E97002", "s2"));
    expect(bind).toBeNull();
    expect(next).toMatchObject({ step: "waiting", student: "s1", taken: "82E97002" });
    expect(sawPress(next, press(9, "82E97002", "s2")).bind).toBeNull();
    expect(sawPress(next, press(10)).bind).not.toBeNull();
  });

  it("does nothing with presses while nobody waits", () => {
    expect(sawPress(IDLE, press(8))).toEqual({ next: IDLE, bind: null });
  });

  it("is called off by a second tap on the same student, and moves on with another", () => {
    expect(pickStudent(waiting, "s1", press(7)).next).toEqual(IDLE);
    expect(pickStudent(waiting, "s2", press(9)).next).toMatchObject({ student: "s2", since: 9 });
  });
});

describe("two taps", () => {
  it.each([[{ keypad: "82E97001" }], [{ card: "9f31aa02" }]])("binds %j to the student tapped next", (thing) => {
    const holding: Binding = pickThing(IDLE, thing).next;
    expect(pickStudent(holding, "s1", null)).toEqual({ next: IDLE, bind: { student: "s1", thing } });
    expect(pickThing(pickStudent(IDLE, "s1", null).next, thing).bind).toEqual({ student: "s1", thing });
    expect(pickThing(holding, thing).next).toEqual(IDLE);
  });

  it("knows a keypad that is nobody's from a student, even one without a name", () => {
    const one = { label: "1", name: null, present: true, has_card: false, key: null, entered: false };
    expect(isNobodys({ ...one, id: "s1", keypads: ["82E97001"] })).toBe(false);
    expect(isNobodys({ ...one, id: "82E97001", keypads: ["82E97001"] })).toBe(true);
  });
});
