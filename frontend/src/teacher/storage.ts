import type { StorageView } from "../lib/views";
import type { TeacherWords } from "./zh";

/** The one line about the board's store, the most urgent first; null while all is well. */
export function storageLine(
  storage: StorageView,
  journalOk: boolean,
  words: TeacherWords["banner"],
): { tone: "error" | "warning"; text: string } | null {
  const reason = storage.reason === "disk" ? "disk" : "journal";
  if (storage.room === "full") return { tone: "error", text: words.full[reason] };
  if (!journalOk) return { tone: "error", text: words.journal };
  if (storage.salvage === "running") return { tone: "warning", text: words.salvaging };
  if (storage.room === "low")
    return { tone: "warning", text: reason === "disk" ? words.low.disk : words.low.journal(storage.used_percent) };
  if (storage.salvage === "ended")
    return { tone: "warning", text: storage.missing > 0 ? words.salvagedMissing(storage.missing) : words.salvaged };
  return null;
}
