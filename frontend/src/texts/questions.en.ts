import type { Words } from "./words";
import type { questions as zh } from "./questions.zh";

/** What the teacher's page and the projector both say of questions. */
export const questions = {
  kinds: { single: "Single choice", multiple: "Multiple choice", true_false: "True / false", number: "Number", buzz: "Buzz-in" },
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
