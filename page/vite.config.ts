/** Builds the page into dist/page, where `galago serve` finds it. */
import { defineConfig, type UserConfig } from "vite";

const config: UserConfig = defineConfig({
  root: import.meta.dirname,
  // Also below a path of somebody else's server.
  base: "./",
  build: {
    outDir: "../dist/page",
    emptyOutDir: true,
    target: "es2023",
    // The content-security policy lets nothing be inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
export default config;
