import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import type { TestProjectInlineConfiguration } from "vitest/config";
import type { BackendName } from "../../src/index.js";
import { findChromium } from "./machine.js";
import type { Skipped } from "./skipped.js";

/** "full" runs everything; "reduced" what shows that an engine computes the right thing, in a minute or so. */
export type Size = "full" | "reduced";

declare module "vitest" {
  interface ProvidedContext {
    engine: BackendName;
    size: Size;
    /** Whether to print every measured difference beside its tolerance. */
    report: boolean;
  }
}

const source = (path: string) => fileURLToPath(new URL(`../../src/${path}`, import.meta.url));
const CONFORMANCE = "test/conformance/**/*.test.ts";
const IN_PAGES = "test/browser/**/*.test.ts";

const shared = {
  resolve: {
    alias: [
      { find: /^cfd-distill$/, replacement: source("index.ts") },
      { find: /^cfd-distill\/node$/, replacement: source("node.ts") },
      { find: /^cfd-distill\/backends\/(.*)$/, replacement: source("backends/$1.ts") },
    ],
  },
  server: { watch: { ignored: ["**/test/.generated/**"] } },
};
const inForks = { testTimeout: 60_000, pool: "forks" as const };

/** Which engine the tests of a project run on, and how much of them; CONFORMANCE=full asks for all everywhere. */
function provide(engine: BackendName, size: Size) {
  const report = process.env.CONFORMANCE_REPORT === "1";
  return { engine, size: process.env.CONFORMANCE === "full" ? ("full" as const) : size, report };
}

const unit: TestProjectInlineConfiguration = {
  ...shared,
  test: { ...inForks, name: "unit", include: ["test/**/*.test.ts"], exclude: [CONFORMANCE, IN_PAGES] },
};

function inNode(name: string, engine: BackendName, size: Size): TestProjectInlineConfiguration {
  return { ...shared, test: { ...inForks, name, include: [CONFORMANCE], provide: provide(engine, size) } };
}

/** Software rendering is asked for by name: without it WebGPU finds no adapter on a machine without a GPU. */
const chromium = (executablePath: string) =>
  playwright({
    launchOptions: {
      executablePath,
      args: [
        "--no-sandbox", // root has no sandbox to run in
        "--disable-background-networking",
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
      ],
    },
  });

const ENGINES_IN_PAGES = (["wasm", "webgl", "webgpu"] as const).filter((engine) =>
  existsSync(source(`backends/${engine}.ts`)),
);

/** One browser and one server for all that runs in pages. */
function inChromium(executablePath: string): TestProjectInlineConfiguration {
  const browser = "chromium" as const;
  const engines = ENGINES_IN_PAGES.map((engine) => ({
    browser,
    name: `chromium-${engine}`,
    include: [CONFORMANCE],
    provide: provide(engine, "reduced"),
  }));
  const instances = [...engines, { browser, name: "browser", include: [IN_PAGES] }];
  return {
    ...shared,
    cacheDir: ".vite",
    server: {
      ...shared.server,
      // Shared memory, and with it the threaded build of wasm, asks for these.
      headers: {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      },
    },
    // Found only when a test asks for it, a package reloads the page in the middle of the run.
    optimizeDeps: {
      include: [
        "@tensorflow/tfjs",
        "@tensorflow/tfjs-backend-wasm",
        "@tensorflow/tfjs-backend-webgpu",
        "ml-matrix",
        "pure-rand/generator/xoroshiro128plus",
        "fast-check",
      ],
    },
    test: {
      testTimeout: 60_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: chromium(executablePath),
        instances,
      },
    },
  };
}

/** The projects that this machine can run, and those that it cannot. */
export function findProjects(): { projects: TestProjectInlineConfiguration[]; skipped: Skipped[] } {
  const projects = [unit, inNode("cpu", "cpu", "reduced"), inNode("wasm", "wasm", "full")];
  const found = findChromium();
  if ("at" in found) return { projects: [...projects, inChromium(found.at)], skipped: [] };
  const names = [...ENGINES_IN_PAGES.map((engine) => `chromium-${engine}`), "browser"];
  return { projects, skipped: [{ projects: names, ...found }] };
}
