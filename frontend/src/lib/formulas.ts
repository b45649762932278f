/** Formulas in texts: found by their signs, drawn by KaTeX, which is loaded when the first one is met. */

export interface Piece {
  text: string;
  /** TeX, of a formula; `text` is then what stands in the text for it. */
  tex: string | null;
  /** On a line of its own. */
  display: boolean;
}

/** `$` begins a formula only before a sign, and ends one only behind a sign and before no digit: "$5 or $6" has none. */
const FORMULA = /\$\$([^$]+)\$\$|\\\[([^]+?)\\\]|\\\(([^]+?)\\\)|\$(?!\s)([^$\n]*[^$\s])\$(?!\d)/g;

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(FORMULA)) {
    if (match.index > from) found.push({ text: text.slice(from, match.index), tex: null, display: false });
    const tex = match[1] ?? match[2] ?? match[3] ?? match[4] ?? "";
    found.push({ text: match[0], tex: tex.trim(), display: match[1] !== undefined || match[2] !== undefined });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ text: text.slice(from), tex: null, display: false });
  return found;
}

/** Said by a formula when it has its size. */
export const DRAWN = "drawn";

/**
 * A Svelte action: draws the formula in place of its text, which stays where KaTeX cannot read it or be loaded.
 * KaTeX builds nodes and sets their styles one by one, as the content security policy wants it.
 */
export function formula(node: HTMLElement, piece: Piece): { update: (piece: Piece) => void } {
  let wanted = piece;

  async function draw(): Promise<void> {
    const now = wanted;
    try {
      const [{ default: katex }] = await Promise.all([import("katex"), import("katex/dist/katex.min.css")]);
      if (now !== wanted) return;
      katex.render(now.tex ?? "", node, { displayMode: now.display, strict: "ignore", trust: false, maxSize: 20, maxExpand: 200 });
      node.dispatchEvent(new Event(DRAWN, { bubbles: true }));
      await document.fonts.ready;
      node.dispatchEvent(new Event(DRAWN, { bubbles: true }));
    } catch {
      if (now === wanted) node.textContent = now.text;
    }
  }

  void draw();
  return {
    update(piece) {
      if (piece.text === wanted.text) return;
      wanted = piece;
      void draw();
    },
  };
}
