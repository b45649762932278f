import { describe, expect, it } from "vitest";
import { COLOURS, Line, MAX_POINTS, type Point, type Stroke, body, colourOf, keyOf, missing, paint } from "../src/lib/ink";
import type { InkView } from "../src/lib/views";

const stroke = (...points: Point[]): Stroke => ({ tool: "pen", colour: "red", width_mm: 4, points });
const view = (changes: number, strokes: number, question: number | null = null) => ({ question, changes, strokes }) as InkView;

/** A canvas that writes down what is done with it. */
function canvas() {
  const done: string[] = [];
  const at = {
    lineWidth: 0,
    globalCompositeOperation: "",
    strokeStyle: "",
    beginPath: () => done.push("begin"),
    moveTo: (x: number, y: number) => done.push(`move ${x} ${y}`),
    lineTo: (x: number, y: number) => done.push(`line ${x} ${y}`),
    stroke: () => done.push(`stroke ${Math.round(at.lineWidth * 100) / 100}`),
  };
  return { at, done, context: at as unknown as CanvasRenderingContext2D };
}

describe("a line that is drawn", () => {
  it("takes points that are far enough apart, in tenths of a mm and ms since the first", () => {
    const line = new Line(stroke(), () => {});
    expect(line.add(10.04, 20, 5000, 0.12345)).toBe(true);
    expect(line.add(10.4, 20.3, 5008, 0.5)).toBe(false);
    expect(line.add(11.04, 20, 5016.4, null)).toBe(true);
    expect(line.add(12, 20, 4000, null)).toBe(true);
    expect(line.stroke.points).toEqual([[10, 20, 0, 0.123], [11, 20, 16, null], [12, 20, 0, null]]);
  });

  it("goes on as another one that begins where the full part ends", () => {
    const parts: Stroke[] = [];
    const line = new Line(stroke(), (part) => parts.push(part));
    for (let step = 0; step <= MAX_POINTS; step++) line.add(step, 0, 100 + step, 0.5);
    expect(parts.map((part) => part.points.length)).toEqual([MAX_POINTS]);
    expect(line.stroke.points).toEqual([[MAX_POINTS - 1, 0, 0, 0.5], [MAX_POINTS, 0, 1, 0.5]]);
    expect(parts[0]!.points.at(-1)).toEqual([MAX_POINTS - 1, 0, MAX_POINTS - 1, 0.5]);
    expect(JSON.stringify(body(parts[0]!, 12)).length).toBeLessThan(16 * 1024);
  });
});

describe("what the board is told", () => {
  it("has a pressure for each point, or none at all", () => {
    expect(body(stroke([1, 2, 0, 0.25], [3, 4, 8, 1]), 3)).toEqual({
      question: 3, tool: "pen", colour: "red", width_mm: 4, points: [[1, 2, 0], [3, 4, 8]], pressures: [0.25, 1],
    });
    expect(body(stroke([1, 2, 0, 0.25], [3, 4, 8, null]), null)).toMatchObject({ question: null, pressures: [] });
  });
});

describe("a stroke on a canvas", () => {
  it("is one path without pressure, scaled, and a dot where it did not move", () => {
    const { at, done, context } = canvas();
    paint(context, stroke([10, 20, 0, null], [30, 40, 8, null]), 0.5, false);
    expect(done).toEqual(["begin", "move 5 10", "line 15 20", "stroke 2"]);
    expect([at.strokeStyle, at.globalCompositeOperation]).toEqual([colourOf("red", false), "source-over"]);
    done.length = 0;
    paint(context, stroke([10, 20, 0, null]), 1, false);
    expect(done).toEqual(["begin", "move 10 20", "line 10 20", "stroke 4"]);
    done.length = 0;
    paint(context, stroke(), 1, false);
    expect(done).toEqual([]);
  });

  it("is thicker where it was pressed harder, and an eraser is as wide as ever", () => {
    const { at, done, context } = canvas();
    const pressed = stroke([0, 0, 0, 0.5], [10, 0, 8, 0], [20, 0, 16, 1]);
    paint(context, pressed, 1, false);
    expect(done.filter((one) => one.startsWith("stroke"))).toEqual(["stroke 1.6", "stroke 6.4"]);
    done.length = 0;
    paint(context, { ...pressed, tool: "eraser", width_mm: 60 }, 1, false);
    expect(done.filter((one) => one.startsWith("stroke"))).toEqual(["stroke 60", "stroke 60"]);
    expect(at.globalCompositeOperation).toBe("destination-out");
  });

  it("goes on from the point before the new ones", () => {
    const { done, context } = canvas();
    const points: Point[] = [0, 10, 20, 30].map((x) => [x, 0, x, null]);
    paint(context, stroke(...points), 1, false, 3);
    expect(done).toEqual(["begin", "move 20 0", "line 30 0", "stroke 4"]);
  });

  it("has its own colours in the dark", () => {
    for (const colour of COLOURS) expect(colourOf(colour, true)).not.toBe(colourOf(colour, false));
  });
});

describe("what a page fetches", () => {
  it("is all of another board, what is new of the same, and else nothing", () => {
    const have = { key: keyOf("L1", view(2, 5)), strokes: 5 };
    expect(missing(have, "L1", view(2, 5))).toBeNull();
    expect(missing(have, "L1", view(2, 7))).toBe(5);
    expect(missing(have, "L1", view(3, 4))).toBe(0);
    expect(missing(have, "L1", view(2, 5, 1))).toBe(0);
    expect(missing(have, "L2", view(2, 5))).toBe(0);
  });
});
