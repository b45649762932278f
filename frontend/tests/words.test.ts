import { describe, expect, it } from "vitest";
import { en as projectorEn } from "../src/projector/en";
import { zh as projectorZh } from "../src/projector/zh";
import { en as studentEn } from "../src/student/en";
import { zh as studentZh } from "../src/student/zh";
import { en as teacherEn } from "../src/teacher/en";
import { zh as teacherZh } from "../src/teacher/zh";
import { sentence } from "../src/texts/words";

/** Every text by its path; functions are called with a figure of their own. */
function texts(words: object, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(words)) {
    const at = `${path}${name}`;
    if (typeof value === "function") found.set(at, (value as (...args: unknown[]) => string)(47, 48));
    else if (typeof value === "string") found.set(at, value);
    else for (const entry of texts(value as object, `${at}.`)) found.set(...entry);
  }
  return found;
}

const PAGES: [string, object, object][] = [
  ["teacher", teacherZh, teacherEn],
  ["projector", projectorZh, projectorEn],
  ["student", studentZh, studentEn],
];

describe.each(PAGES)("the %s's page", (_, zh, en) => {
  it("says everything in both languages", () => {
    expect([...texts(en).keys()].sort()).toEqual([...texts(zh).keys()].sort());
    for (const [at, text] of [...texts(zh), ...texts(en)]) expect(text.trim(), at).not.toBe("");
  });

  it("has no Chinese in its English, but for the button that leads to it", () => {
    const chinese = [...texts(en)].filter(([, text]) => /[\u3000-\u9fff]/.test(text)).map(([at]) => at);
    expect(chinese).toEqual(["otherLanguage", "otherLanguageAloud"]);
  });

  it("puts every figure into the sentence, in both languages alike", () => {
    const zhTexts = texts(zh);
    for (const [at, text] of texts(en)) {
      if (at.endsWith("verdict") || at.endsWith("seconds")) continue;
      expect(text.includes("47"), at).toBe(zhTexts.get(at)!.includes("47"));
    }
  });
});

describe("a code", () => {
  it("has its own sentence only, never something inherited", () => {
    expect(sentence({ pin_wrong: "x" }, "pin_wrong")).toBe("x");
    expect(sentence({ pin_wrong: "x" }, "constructor")).toBeUndefined();
  });
});
