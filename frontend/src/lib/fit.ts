/** Makes the texts of a list as large as its place allows; what does not fit even then is cut at a line's end. */

import { DRAWN } from "./formulas";

/** Font sizes in vh, from the largest to the smallest that the last row reads. */
const SIZES = [8.5, 7.2, 6, 5, 4.2, 3.6];
const LINE = 1.1;

/** A Svelte action; `_content`: what the list shows, so that it fits anew when that changes. */
export function fit(node: HTMLElement, _content: unknown): { update: () => void; destroy: () => void } {
  const columns = () => getComputedStyle(node).gridTemplateColumns.split(" ").length;

  function run(): void {
    node.style.setProperty("--lines", "none");
    for (const size of SIZES) {
      node.style.setProperty("--size", `${size}vh`);
      if (node.scrollHeight <= node.clientHeight) return;
    }
    const rows = Math.ceil(node.children.length / columns());
    const gap = parseFloat(getComputedStyle(node).rowGap) || 0;
    const row = (node.clientHeight - gap * (rows - 1)) / rows;
    const line = parseFloat(getComputedStyle(node).fontSize) * LINE;
    node.style.setProperty("--lines", String(Math.max(1, Math.floor(row / line))));
  }

  const watch = new ResizeObserver(run);
  watch.observe(node);
  node.addEventListener(DRAWN, run);
  run();
  return { update: run, destroy: () => watch.disconnect() };
}
