import { chooseLanguage, firstLanguage } from "./language";

export const language = $state({ code: firstLanguage() });

export function otherLanguage(): void {
  language.code = chooseLanguage(language.code === "zh" ? "en" : "zh");
}
