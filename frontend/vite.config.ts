import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `npm run dev` shows the pages against a running agent (`./dev demo`).
const AGENT = process.env["AGENT_URL"] ?? "http://127.0.0.1:8080";

/** Of KaTeX's fonts the one format that every named browser reads. */
const fontsOnce = {
  name: "fonts-once",
  enforce: "pre" as const,
  transform: (code: string, id: string) =>
    id.includes("katex.min.css") ? code.replace(/,url\([^)]*\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)/g, "") : null,
};

// The student's page is built by itself, so that a phone loads nothing of the other pages.
const PAGES = { teacher: "index.html", projector: "projector.html" };
const STUDENT = { student: "s.html" };

export default defineConfig(({ mode }) => ({
  plugins: [fontsOnce, svelte()],
  server: { proxy: { "/api": AGENT } },
  build: {
    // The named oldest browser: WeChat's view and 360's speed mode.
    target: "chrome87",
    cssTarget: "chrome87",
    // No data: addresses, so that the content security policy stays 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: mode !== "student",
    rolldownOptions: { input: mode === "student" ? STUDENT : PAGES },
  },
  test: { include: ["tests/**/*.test.ts"] },
}));
