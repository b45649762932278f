/** The page's language: the reader's choice, else the browser's. */

export type LanguageCode = "zh" | "en";

const STORED = "language";

function first(): LanguageCode {
  const chosen = localStorage.getItem(STORED);
  if (chosen === "zh" || chosen === "en") return chosen;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = $state({ code: first() });

function mark(): void {
  document.documentElement.lang = language.code === "zh" ? "zh-CN" : "en";
}

export function otherLanguage(): void {
  language.code = language.code === "zh" ? "en" : "zh";
  localStorage.setItem(STORED, language.code);
  mark();
}

mark();
