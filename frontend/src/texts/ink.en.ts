import type { ink as zh } from "./ink.zh";
import type { Words } from "./words";

export const ink: Words<typeof zh> = {
  board: "Board",
  picture: "Picture of the question",
  pen: "Pen",
  eraser: "Eraser",
  undo: "Undo one step",
  clear: "Clear all (can be undone)",
  colours: { black: "black", red: "red", blue: "blue", green: "green" },
  full: "The board is full. Go on with a new question, or take strokes back.",
  failed: "That line was not kept. Please draw it again.",
};
