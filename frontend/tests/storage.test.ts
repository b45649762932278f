import { describe, expect, it } from "vitest";
import type { StorageView } from "../src/lib/views";
import { en } from "../src/teacher/en";
import { storageLine } from "../src/teacher/storage";
import { zh } from "../src/teacher/zh";

const well: StorageView = { room: "ok", reason: "", used_percent: 3, salvage: "", missing: 0, names_lost: false };
const line = (more: Partial<StorageView>, words = zh.banner, journalOk = true) => storageLine({ ...well, ...more }, journalOk, words);

describe("the line about the board's store", () => {
  it("is not there while all is well", () => {
    expect(line({})).toBeNull();
  });

  it("warns before the bound, with how full it is and what to do", () => {
    expect(line({ room: "low", reason: "journal", used_percent: 83 })).toMatchObject({ tone: "warning" });
    expect(line({ room: "low", reason: "journal", used_percent: 83 })!.text).toContain("83%");
    expect(line({ room: "low", reason: "disk" }, en.banner)!.text).toContain("free space");
  });

  it("says at the bound that answers are refused, above everything else", () => {
    expect(line({ room: "full", reason: "journal", salvage: "running" })).toEqual({
      tone: "error",
      text: zh.banner.full.journal,
    });
    expect(line({ room: "full", reason: "disk" }, en.banner)!.text).toContain("not counted");
  });

  it("says that nothing can be saved, in one line only", () => {
    expect(line({}, en.banner, false)).toEqual({ tone: "error", text: en.banner.journal });
    expect(line({ salvage: "running" }, en.banner, false)!.text).toBe(en.banner.journal);
    expect(line({ room: "full", reason: "disk" }, en.banner, false)!.text).toBe(en.banner.full.disk);
  });

  it("tells of a salvage while it goes on, and what it could not read", () => {
    expect(line({ salvage: "running" })!.text).toBe(zh.banner.salvaging);
    expect(line({ salvage: "ended" })!.text).toBe(zh.banner.salvaged);
    expect(line({ salvage: "ended", missing: 12 }, en.banner)!.text).toContain("12 records are");
    expect(line({ salvage: "ended", missing: 1 }, en.banner)!.text).toContain("1 record is");
  });
});
