import { language } from "../lib/language.svelte";
import type { Words } from "../texts/words";
import { en } from "./en";
import { zh, type ProjectorWords } from "./zh";

export const t = (): Words<ProjectorWords> => (language.code === "zh" ? zh : en);
