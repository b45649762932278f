/** The sign of each option, in a box of 24: shapes for A to F, patterns of strokes and dots beyond. */
export const SHAPES: Readonly<Record<string, { d: string; look: "full" | "stroke" | "dots" }>> = {
  A: { d: "M12 2.5 22.5 21h-21Z", look: "full" },
  B: { d: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Z", look: "full" },
  C: { d: "M3 3h18v18H3Z", look: "full" },
  D: { d: "M12 1 23 12 12 23 1 12Z", look: "full" },
  E: { d: "m12 1.2 3.2 7.2 7.8.8-5.9 5.2 1.7 7.7L12 18.2l-6.8 3.9 1.7-7.7L1 9.2l7.8-.8Z", look: "full" },
  F: { d: "M12 1.5 23 9.6 18.8 22.5H5.2L1 9.6Z", look: "full" },
  G: { d: "M3 5h18M3 12h18M3 19h18", look: "stroke" },
  H: { d: "M5 3v18M12 3v18M19 3v18", look: "stroke" },
  I: { d: "M12 3v18M3 12h18", look: "stroke" },
  J: { d: "M6 6h.01M18 6h.01M12 12h.01M6 18h.01M18 18h.01", look: "dots" },
  true: { d: "m3.5 12.5 6 6L20.5 6", look: "stroke" },
  false: { d: "m5 5 14 14M19 5 5 19", look: "stroke" },
};
