import { LiveLine, type Line } from "./live";

/** The live view of a page, for Svelte. */
export class Live<V> {
  view = $state.raw<V | null>(null);
  line = $state<Line>("connecting");
  received_ms = $state(0);
  status = $state(0);
  private readonly wire: LiveLine<V>;

  constructor(role: "teacher" | "projector" | "student") {
    this.wire = new LiveLine<V>(role, (seen) => Object.assign(this, seen));
  }

  connect(): void {
    this.wire.connect();
  }

  close(): void {
    this.wire.close();
  }
}
