/** What is drawn: a pen's way as strokes, and strokes as lines on a canvas. Knows no page. */

import type { InkView } from "./views";

export const COLOURS = ["black", "red", "blue", "green"] as const;
export type Colour = (typeof COLOURS)[number];
export type Tool = "pen" | "eraser";
/** x and y in mm, ms since the first point, pressure 0 to 1 or null. */
export type Point = [number, number, number, number | null];

export interface Stroke {
  tool: Tool;
  colour: Colour;
  width_mm: number;
  points: Point[];
}

export interface InkReply {
  changes: number;
  after: number;
  strokes: Stroke[];
}

export const PEN_MM = 4;
export const ERASER_MM = 60;
/** A request holds 16 KiB: a longer line goes on as another one that begins where it ends. */
export const MAX_POINTS = 250;
const STEP_MM = 0.6;

const LIGHT: Record<Colour, string> = { black: "#1b1f23", red: "#c62828", blue: "#1565c0", green: "#2e7d32" };
const DARK: Record<Colour, string> = { black: "#eef3f1", red: "#ff8a80", blue: "#82b1ff", green: "#81c784" };

export const colourOf = (colour: Colour, dark: boolean): string => (dark ? DARK : LIGHT)[colour];

/** One pen from its touch to its lift; a full part is told at once. */
export class Line {
  private began_ms: number | null = null;

  constructor(
    readonly stroke: Stroke,
    private readonly full: (part: Stroke) => void,
  ) {}

  /** Whether the point is far enough from the last one to be one more. */
  add(x_mm: number, y_mm: number, at_ms: number, pressure: number | null): boolean {
    this.began_ms ??= at_ms;
    const { points } = this.stroke;
    const last = points.at(-1);
    if (last && Math.hypot(x_mm - last[0], y_mm - last[1]) < STEP_MM) return false;
    const ms = Math.max(0, Math.round(at_ms - this.began_ms));
    const point: Point = [tenth(x_mm), tenth(y_mm), ms, pressure === null ? null : Math.round(pressure * 1000) / 1000];
    points.push(point);
    if (points.length === MAX_POINTS) {
      this.full({ ...this.stroke, points: [...points] });
      this.began_ms = at_ms;
      this.stroke.points = [[point[0], point[1], 0, point[3]]];
    }
    return true;
  }
}

const tenth = (mm: number): number => Math.round(mm * 10) / 10;

/** What the board is told of a stroke: pressures only if the pen tells them. */
export function body(stroke: Stroke, question: number | null): Record<string, unknown> {
  const { tool, colour, width_mm, points } = stroke;
  const pressed = points.every((one) => one[3] !== null);
  return {
    question, tool, colour, width_mm,
    points: points.map(([x, y, ms]) => [x, y, ms]),
    pressures: pressed ? points.map((one) => one[3]) : [],
  };
}

/** Draw a stroke, or what it has since point `from`. `scale`: pixels a mm. */
export function paint(at: CanvasRenderingContext2D, stroke: Stroke, scale: number, dark: boolean, from = 0): void {
  const points = stroke.points.slice(Math.max(0, from - 1));
  const first = points[0];
  if (!first) return;
  at.globalCompositeOperation = stroke.tool === "eraser" ? "destination-out" : "source-over";
  at.strokeStyle = colourOf(stroke.colour, dark);
  at.lineCap = at.lineJoin = "round";
  const width = (point: Point) => stroke.width_mm * scale * (point[3] === null || stroke.tool === "eraser" ? 1 : 0.4 + 1.2 * point[3]);
  if (points.every((one) => one[3] === null) || points.length === 1) {
    at.lineWidth = width(first);
    at.beginPath();
    at.moveTo(first[0] * scale, first[1] * scale);
    for (const [x, y] of points.length > 1 ? points.slice(1) : points) at.lineTo(x * scale, y * scale);
    at.stroke();
    return;
  }
  points.slice(1).forEach((point, place) => {
    const before = points[place]!;
    at.lineWidth = width(point);
    at.beginPath();
    at.moveTo(before[0] * scale, before[1] * scale);
    at.lineTo(point[0] * scale, point[1] * scale);
    at.stroke();
  });
}

/** What to fetch so that a page has what the board shows: from which stroke on; null: nothing. */
export function missing(have: { key: string; strokes: number }, lesson: string, view: InkView): number | null {
  if (have.key !== keyOf(lesson, view)) return 0;
  return view.strokes > have.strokes ? have.strokes : null;
}

export const keyOf = (lesson: string, view: InkView): string => `${lesson} ${view.question} ${view.changes}`;
