/** Light or dark: the reader's choice, else the system's. */

const STORED = "theme";

/** Marks the page, now and when the system changes; tells whether it is dark. */
export function followTheme(changed: (dark: boolean) => void): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = localStorage.getItem(STORED);
    const dark = chosen === null ? system.matches : chosen === "dark";
    mark(dark);
    changed(dark);
  };
  system.addEventListener("change", apply);
  apply();
}

export function chooseTheme(dark: boolean): void {
  localStorage.setItem(STORED, dark ? "dark" : "light");
  mark(dark);
}

function mark(dark: boolean): void {
  document.documentElement.dataset["theme"] = dark ? "dark" : "light";
}
