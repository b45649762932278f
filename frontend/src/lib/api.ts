/** Requests to the board. A refusal is thrown as `Refused`, silence as `Unreachable`. */

import type { Problem } from "./views";

export const BASE = "/api/v1";
const PATIENCE_MS = 8000;

/** The board answered, with an error. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
    /** From `Retry-After`; null without one. */
    readonly retry_s: number | null,
    readonly body: unknown,
  ) {
    super(problem.code);
  }
}

/** No answer: the line is cut, or the board is off. */
export class Unreachable extends Error {
  constructor() {
    super("unreachable");
  }
}

function problemOf(status: number, body: unknown): Problem {
  if (typeof body === "object" && body !== null && "code" in body && typeof body.code === "string") {
    const { where, hint } = body as Partial<Problem>;
    return { code: body.code, where: where ?? "", hint: hint ?? "" };
  }
  return { code: `http_${status}`, where: "", hint: "" };
}

/**
 * One request; resolves to the decoded JSON, or undefined for 204.
 *
 * @throws Refused, Unreachable
 */
export async function call<T>(
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  patience_ms = PATIENCE_MS,
): Promise<T> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), patience_ms);
  let response: Response;
  let text: string;
  try {
    const init: RequestInit = { method, headers: { ...headers }, signal: stop.signal, cache: "no-store" };
    if (body instanceof Blob) {
      init.body = body;
    } else if (body !== undefined) {
      init.body = JSON.stringify(body);
      (init.headers as Record<string, string>)["Content-Type"] = "application/json";
    }
    response = await fetch(BASE + path, init);
    text = await response.text();
  } catch {
    throw new Unreachable();
  } finally {
    clearTimeout(timer);
  }
  let decoded: unknown;
  try {
    decoded = text === "" ? undefined : JSON.parse(text);
  } catch {
    decoded = undefined;
  }
  if (response.ok) return decoded as T;
  const retry_s = Number(response.headers.get("Retry-After"));
  throw new Refused(response.status, problemOf(response.status, decoded), retry_s > 0 ? retry_s : null, decoded);
}

/** A random name for one intention, so that sending it twice does it once. Works without HTTPS too. */
export function newId(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  const hex = Array.from(b, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
