import { afterEach, describe, expect, it, vi } from "vitest";
import { LARGEST_BYTES, PictureUnfit, pictureIn, prepared, scaled } from "../src/lib/picture";

/** A browser whose pictures are of this size, and whose canvas makes `made` of them. */
function browser(width: number, height: number, made: Blob | null = new Blob(["small"], { type: "image/jpeg" })) {
  const seen = { closed: 0, fills: [] as string[], sizes: [] as number[][], types: [] as unknown[] };
  const at = {
    fillStyle: "",
    fillRect: () => seen.fills.push(at.fillStyle),
    drawImage: (_: unknown, ...box: number[]) => seen.sizes.push(box),
  };
  const canvas = {
    width: 0,
    height: 0,
    getContext: () => at,
    toBlob: (done: (blob: Blob | null) => void, ...how: unknown[]) => {
      seen.types.push(how);
      done(made);
    },
  };
  vi.stubGlobal("createImageBitmap", (file: Blob) =>
    file.type === "image/broken" ? Promise.reject(new Error("no picture")) : Promise.resolve({ width, height, close: () => seen.closed++ }),
  );
  vi.stubGlobal("document", { createElement: () => canvas });
  return seen;
}

const file = (type: string, bytes = 10) => new Blob([new Uint8Array(bytes)], { type });
const refusal = (sent: Promise<Blob>) => sent.then(() => "", (error: unknown) => (error instanceof PictureUnfit ? error.code : "another"));

afterEach(() => vi.unstubAllGlobals());

describe("how large a picture is drawn anew", () => {
  it("is as it is, or as large as its longer side may be", () => {
    expect(scaled(2560, 100)).toEqual([2560, 100]);
    expect(scaled(5120, 2880)).toEqual([2560, 1440]);
    expect(scaled(1000, 10_000)).toEqual([256, 2560]);
    expect(scaled(100_000, 1)).toEqual([2560, 1]);
  });
});

describe("what is sent of a picture", () => {
  it("is a small drawing itself, with its sharp edges", async () => {
    const seen = browser(800, 600);
    const drawing = file("image/png");
    expect(await prepared(drawing)).toBe(drawing);
    expect(seen).toMatchObject({ closed: 1, sizes: [] });
  });

  it("is a photo drawn anew, however small, without what else stands in its file", async () => {
    const seen = browser(5120, 2880);
    expect(await (await prepared(file("image/jpeg"))).text()).toBe("small");
    expect(seen).toEqual({ closed: 1, fills: ["#fff"], sizes: [[0, 0, 2560, 1440]], types: [["image/jpeg", 0.85]] });
  });

  it("is a drawing drawn anew that is too large in pixels or bytes", async () => {
    const seen = browser(2561, 100);
    await prepared(file("image/webp"));
    browser(100, 100);
    expect((await prepared(file("image/png", 2 * 1024 * 1024 + 1))).type).toBe("image/jpeg");
    expect(seen.sizes).toEqual([[0, 0, 2560, 100]]);
  });

  it("is nothing where it is no picture, or too large", async () => {
    browser(10, 10, null);
    expect(await refusal(prepared(file("image/broken")))).toBe("picture_unknown");
    expect(await refusal(prepared(file("image/jpeg")))).toBe("picture_too_large");
    const huge = { size: LARGEST_BYTES + 1, type: "image/png" } as Blob;
    expect(await refusal(prepared(huge))).toBe("picture_too_large");
  });
});

describe("the picture among what was pasted", () => {
  const pasted = (...types: string[]) => ({ files: types.map((type) => ({ type })) }) as unknown as DataTransfer;

  it("is the first one, if there is any", () => {
    expect(pictureIn(pasted("text/plain", "image/png", "image/gif"))).toEqual({ type: "image/png" });
    expect(pictureIn(pasted("text/plain"))).toBeNull();
    expect(pictureIn(null)).toBeNull();
  });
});
