/** The page's language: the reader's choice, else the browser's. */

export type LanguageCode = "zh" | "en";

const STORED = "language";

export function firstLanguage(): LanguageCode {
  const chosen = localStorage.getItem(STORED);
  if (chosen === "zh" || chosen === "en") return mark(chosen);
  return mark(navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
}

export function chooseLanguage(code: LanguageCode): LanguageCode {
  localStorage.setItem(STORED, code);
  return mark(code);
}

function mark(code: LanguageCode): LanguageCode {
  document.documentElement.lang = code === "zh" ? "zh-CN" : "en";
  return code;
}
