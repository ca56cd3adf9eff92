// For hosts whose headers one cannot set: a service worker, a kept package of npm, adds them to what the page loads.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Plugin } from "vite";

const FILE = "coi-serviceworker.js";
const source = createRequire(import.meta.url).resolve("coi-serviceworker/coi-serviceworker.min.js");

/** Runs in the page: it loads again when the worker is ready to serve it, and never twice in a tab. */
async function reloadOnce(): Promise<void> {
  if (sessionStorage.getItem("isolated") !== null) return;
  sessionStorage.setItem("isolated", "tried");
  await navigator.serviceWorker.ready;
  location.reload();
}

/** Puts the worker beside the built page, which loads it before anything else. It rests where headers are there. */
export const isolate: Plugin = {
  name: "isolate",
  apply: "build",
  generateBundle() {
    this.emitFile({ type: "asset", fileName: FILE, source: readFileSync(source) });
  },
  transformIndexHtml: (_, { path }) =>
    path !== "/index.html"
      ? []
      : [
          {
            tag: "script",
            children: `window.coi = { quiet: true, doReload: ${String(reloadOnce)} };`,
            injectTo: "head-prepend",
          },
          { tag: "script", attrs: { src: `./${FILE}` }, injectTo: "head-prepend" },
        ],
};
