/** Server-sent events from a stream of text: the part that needs no network. */

/** Collects chunks, hands out the `data` of each whole event; comments and other fields are skipped. */
export class EventLines {
  private rest = "";
  private data: string[] = [];

  feed(chunk: string): string[] {
    const events: string[] = [];
    const lines = (this.rest + chunk).split("\n");
    this.rest = lines.pop() ?? "";
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (this.data.length > 0) events.push(this.data.join("\n"));
        this.data = [];
      } else if (line.startsWith("data:")) {
        this.data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
      }
    }
    return events;
  }
}

/** Milliseconds before the n-th new try (n from 0). */
export function backoff_ms(n: number): number {
  return Math.min(500 * 2 ** n, 5000);
}
