import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = join(__dirname, "..", "src");
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).map((name) => join(SRC, name));

/** What Chrome 87 does not know and the build does not take out. */
const TOO_NEW = /:is\(|:where\(|:has\(|(?<!-)aspect-ratio:|color-mix\(|\d[dsl]vh|@layer|@container|^\s*&/m;

describe("Chrome 87", () => {
  it.each(files.filter((name) => name.endsWith(".css")))("knows what %s uses", (name) => {
    expect(TOO_NEW.exec(readFileSync(name, "utf8"))?.[0]).toBeUndefined();
  });

  it("gets no scoped styles, which Svelte writes with :where()", () => {
    const scoped = files.filter((name) => name.endsWith(".svelte") && readFileSync(name, "utf8").includes("<style"));
    expect(scoped).toEqual([]);
  });
});

describe("the content security policy", () => {
  it("meets no inline style in a template", () => {
    const inline = files.filter((name) => /\.(svelte|tsx)$/.test(name) && /\sstyle=/.test(readFileSync(name, "utf8")));
    expect(inline).toEqual([]);
  });
});
