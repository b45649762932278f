/** Light or dark: the reader's choice, else the system's. */

const STORED = "theme";
const chosen = localStorage.getItem(STORED);
const system = matchMedia("(prefers-color-scheme: dark)");

export const theme = $state({ dark: chosen === null ? system.matches : chosen === "dark" });

function mark(): void {
  document.documentElement.dataset["theme"] = theme.dark ? "dark" : "light";
}

export function otherTheme(): void {
  theme.dark = !theme.dark;
  localStorage.setItem(STORED, theme.dark ? "dark" : "light");
  mark();
}

system.addEventListener("change", (event) => {
  if (localStorage.getItem(STORED) !== null) return;
  theme.dark = event.matches;
  mark();
});

mark();
