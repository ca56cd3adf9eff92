import { defineConfig } from "vite";

// With these headers the page may share memory between threads, and computes on all cores. A host sends them, too, if it
// reads public/_headers (Netlify, Cloudflare Pages) or is told so; without them one thread computes.
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  base: "./", // so that dist/ can be put in any folder of any host
  worker: { format: "es" },
  build: { target: "es2022" },
  server: { headers },
  preview: { headers },
});
