import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { zh as student } from "../src/student/zh";
import { zh as teacher } from "../src/teacher/zh";

const ROOT = join(__dirname, "..", "..");

/** Everywhere the board makes a code that a page may be sent. */
function codesIn(folder: string, pattern: RegExp): [string, string][] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".py") && !name.startsWith("sim"))
    .flatMap((name) => {
      const text = readFileSync(join(ROOT, folder, name), "utf8");
      return [...text.matchAll(pattern)].map((match): [string, string] => [match[1]!, `${folder}/${name}`]);
    });
}

const CODE = '\\s*"([a-z]+(?:_[a-z]+)*)"';

describe("every code of the board has a sentence", () => {
  const devices = codesIn("drivers", new RegExp(`(?:DeviceLost|DeviceMisconfigured|UnknownDriver)\\(${CODE}`, "g"))
    .concat(codesIn("agent", new RegExp(`(?:DeviceLost|DeviceMisconfigured)\\(${CODE}`, "g")));
  const answers = codesIn("agent/lesson", new RegExp(`KeyInvalid\\(${CODE}`, "g"))
    .concat(codesIn("agent", new RegExp(`Outcome\\("rejected",${CODE}`, "g")));
  const requests = codesIn("agent", new RegExp(`(?:Refusal\\(\\s*\\d+,|LessonRefused\\(|NotDurable\\(|NotThere\\(|PictureInvalid\\(|PicturesRefused\\(|LineProblem\\([^,()]+,|_problem\\(line,)${CODE}`, "g"));

  const alarms = codesIn("agent/lesson", /^Flag = Literal\[(.*)\]/gm)
    .concat(codesIn("agent/web", /^ALARM_COUNTERS = \((.*)\)/gm))
    .flatMap(([list]) => [...list.matchAll(/"([a-z_]+)"/g)].map((match) => match[1]!));

  const sets = ["agent/sets", "agent/files"].flatMap((folder) =>
    codesIn(folder, new RegExp(`(?:ItemInvalid|FileInvalid|_Left|leave|note|_notes\\[|notes\\[)\\(?(?:\\w+(?:\\.\\w+)*(?:\\[0\\]\\.\\w+)?,)?${CODE}`, "g")),
  );

  it("finds them at all", () => {
    expect(devices.length).toBeGreaterThan(5);
    expect(alarms.length).toBeGreaterThan(3);
    expect(answers.length).toBeGreaterThan(2);
    expect(sets.length).toBeGreaterThan(40);
    expect(requests.length).toBeGreaterThan(15);
  });

  it.each(devices)("%s (%s), on a device", (code) => expect(Object.keys(teacher.devices.codes)).toContain(code));
  it.each(alarms)("%s, an alarm of a device", (code) => expect(Object.keys(teacher.devices.alarms)).toContain(code));
  it.each(answers)("%s (%s), on a phone", (code) => expect(Object.keys(student.problems)).toContain(code));
  it.each(sets)("%s (%s), of a file of questions", (code) => expect(Object.keys(teacher.sets.codes)).toContain(code));
  it.each(requests)("%s (%s), on the teacher's page or a phone", (code) =>
    expect([...Object.keys(teacher.problems), ...Object.keys(student.problems)]).toContain(code),
  );
});
