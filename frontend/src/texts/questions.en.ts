import type { Words } from "./words";
import type { questions as zh } from "./questions.zh";

/** What the teacher's page and the projector both say of questions. */
export const questions = {
  kinds: { single: "Single choice", multiple: "Multiple choice", true_false: "True / false", number: "Number", buzz: "Buzz-in", text: "Short text", scale: "Rating", order: "Order", attendance: "Attendance" },
  mean: (mean: number, steps: number) => `mean ${mean.toFixed(2)} (1–${steps})`,
  buzz: {
    place: (n: string) => `Place ${n}`,
    tie: "tie",
    provisional: "provisional",
    final: "final",
    late: "came late",
    unknown: "gap unknown",
    empty: "Nobody has buzzed yet",
  },
} satisfies Words<typeof zh>;
