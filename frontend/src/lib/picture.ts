/** A picture from a file, the clipboard or a camera, made fit to be laid under a board. */

export const LARGEST_BYTES = 40 * 1024 * 1024;
/** More than a projector shows. */
const SIDE_PX = 2560;
const PLAIN_BYTES = 2 * 1024 * 1024;
const TYPES = ["image/png", "image/webp"];

/** Why a picture was not sent; `code` is one of the board's own. */
export class PictureUnfit extends Error {
  constructor(readonly code: "picture_too_large" | "picture_unknown") {
    super(code);
  }
}

/** How large it is drawn anew: as it is, or as large as a side may be. */
export function scaled(width: number, height: number): [number, number] {
  const scale = Math.min(1, SIDE_PX / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/**
 * What is sent of it. A photo is drawn anew: smaller, upright, and without the place where it was taken.
 *
 * @throws PictureUnfit
 */
export async function prepared(file: Blob): Promise<Blob> {
  if (file.size > LARGEST_BYTES) throw new PictureUnfit("picture_too_large");
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new PictureUnfit("picture_unknown");
  }
  const [width, height] = scaled(bitmap.width, bitmap.height);
  if (TYPES.includes(file.type) && file.size <= PLAIN_BYTES && width === bitmap.width) {
    bitmap.close();
    return file;
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const at = canvas.getContext("2d")!;
  at.fillStyle = "#fff";
  at.fillRect(0, 0, width, height);
  at.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const made = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
  if (made === null) throw new PictureUnfit("picture_too_large");
  return made;
}

/** The picture among what was pasted or dropped. */
export function pictureIn(data: DataTransfer | null): File | null {
  return Array.from(data?.files ?? []).find((one) => one.type.startsWith("image/")) ?? null;
}
