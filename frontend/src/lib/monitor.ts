/** What passes between a device and the board, while somebody looks. */

import { BASE } from "./api";
import { EventLines, backoff_ms } from "./events";
import type { MonitorLine, MonitorView } from "./views";

/** So many lines are kept on the page. */
export const KEPT = 300;
const SILENCE_MS = 22_000;

export interface Shown extends MonitorLine {
  id: number;
  /** `Date.now()` when it passed, by this browser's clock. */
  at_ms: number;
}

export type MonitorLineState = "connecting" | "live" | "lost" | "refused";

/** Adds what came, and keeps the newest. `id` counts on from `next`. */
export function added(shown: Shown[], lines: MonitorLine[], next: number, now_ms: number): Shown[] {
  const more = lines.map((line, at) => ({ ...line, id: next + at, at_ms: now_ms - line.passed_ago_ms }));
  return [...shown, ...more].slice(-KEPT);
}

/** One monitor: opened, and closed when nobody looks. */
export class MonitorFeed {
  private stop: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private tries = 0;

  constructor(
    private readonly device: string,
    private readonly heard: (view: MonitorView) => void,
    private readonly line: (state: MonitorLineState, code: string) => void,
  ) {}

  open(): void {
    this.close();
    this.stop = new AbortController();
    void this.read(this.stop);
  }

  close(): void {
    clearTimeout(this.timer);
    this.stop?.abort();
    this.stop = null;
  }

  private async read(stop: AbortController): Promise<void> {
    let silence: ReturnType<typeof setTimeout> | undefined;
    this.line("connecting", "");
    try {
      const at = `${BASE}/devices/${encodeURIComponent(this.device)}/monitor`;
      const response = await fetch(at, { signal: stop.signal, cache: "no-store", headers: { Accept: "text/event-stream" } });
      if (response.status >= 400 && response.status < 500) {
        const problem = (await response.json().catch(() => ({}))) as { code?: string };
        if (this.stop === stop) this.line("refused", problem.code ?? "unknown");
        return;
      }
      if (!response.ok || !response.body) throw new Error(String(response.status));
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      const events = new EventLines();
      for (;;) {
        clearTimeout(silence);
        silence = setTimeout(() => stop.abort(), SILENCE_MS);
        const { value, done } = await reader.read();
        if (done || this.stop !== stop) break;
        for (const data of events.feed(decoder.decode(value, { stream: true }))) {
          this.tries = 0;
          this.line("live", "");
          this.heard(JSON.parse(data) as MonitorView);
        }
      }
    } catch {
      // Whatever broke the line, the answer is to try again.
    } finally {
      clearTimeout(silence);
    }
    if (this.stop !== stop) return;
    this.line("lost", "");
    this.timer = setTimeout(() => this.open(), backoff_ms(this.tries));
    this.tries += 1;
  }
}
