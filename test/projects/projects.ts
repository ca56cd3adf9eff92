import { playwright } from "@vitest/browser-playwright";
import type { TestProjectInlineConfiguration } from "vitest/config";
import { aliases, pageAliases } from "../../tools/aliases.js";
import type { BackendName } from "../../src/index.js";
import { findChromium, findNative, findWebgpu, type Found } from "../../tools/machine.js";
import type { Skipped } from "./skipped.js";

/** "full" runs everything; "reduced" what shows that an engine computes the right thing, in a minute or so. */
export type Size = "full" | "reduced";

declare module "vitest" {
  interface ProvidedContext {
    engine: BackendName;
    size: Size;
    /** Whether to print every measured difference beside its tolerance. */
    report: boolean;
    /** Where Chromium is, for tests that open pages of their own. */
    chromium: string;
  }
}

const CONFORMANCE = "test/conformance/**/*.test.ts";
const IN_PAGES = "test/browser/**/*.test.ts";
const PAGES = "test/pages/**/*.test.ts";
const ALONE = "test/**/*.alone.test.ts";
const IN_PYTORCH = "test/pytorch/**/*.test.ts"; // `npm run pytorch:test`

/** How tests find the library by the names that its users import. */
export const shared = {
  resolve: {
    alias: aliases,
  },
  server: { watch: { ignored: ["**/test/.generated/**"] } },
};
const inForks = { testTimeout: 60_000, pool: "forks" as const };
/** Software rendering of a large network takes its time. */
const patient = { testTimeout: 600_000, hookTimeout: 60_000 };

/** Which engine the tests of a project run on, and how much of them; CONFORMANCE=full asks for all everywhere. */
function provide(engine: BackendName, size: Size) {
  const report = process.env.CONFORMANCE_REPORT === "1";
  return { engine, size: process.env.CONFORMANCE === "full" ? ("full" as const) : size, report };
}

const RECIPE = "examples/recipe/test/**/*.test.ts";
const NOT_UNIT = [CONFORMANCE, IN_PAGES, PAGES, IN_PYTORCH];

/** Files share processes: to load TensorFlow.js takes longer than most of them. */
export const unit: TestProjectInlineConfiguration = {
  ...shared,
  test: {
    ...inForks,
    isolate: false,
    name: "unit",
    include: ["test/**/*.test.ts", RECIPE],
    exclude: [ALONE, ...NOT_UNIT],
  },
};

/** What takes a process of its own: modules that are replaced, engines that are to start for the first time. */
const alone: TestProjectInlineConfiguration = {
  ...shared,
  test: { ...inForks, name: "alone", include: [ALONE], exclude: NOT_UNIT },
};

/** Node opens pages in a Chromium of its own, which it serves with any headers. */
const pages = (chromium: string): TestProjectInlineConfiguration => ({
  ...shared,
  test: { ...inForks, ...patient, name: "pages", include: [PAGES], provide: { chromium } },
});

type NodeOptions = Pick<
  NonNullable<TestProjectInlineConfiguration["test"]>,
  "isolate" | "setupFiles" | "env"
>;

function inNode(engine: BackendName, size: Size, options: NodeOptions = {}): TestProjectInlineConfiguration {
  const test = {
    ...inForks,
    ...patient,
    isolate: false, // one engine, which each file starts: TensorFlow.js need not be loaded for each of them
    ...options,
    name: engine,
    include: [CONFORMANCE],
    provide: provide(engine, size),
  };
  return { ...shared, test };
}

const webgpuInNode = (driver: string) =>
  inNode("webgpu", "reduced", {
    isolate: true, // Dawn ends its process when it has been started too often
    setupFiles: ["test/projects/webgpu-in-node.ts"],
    env: driver === "" ? {} : { VK_ICD_FILENAMES: driver },
  });

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

/** What takes a minute on webgpu in software. Node runs it on the same implementation of WebGPU, Dawn. */
const HEAVY = ["adapters", "cfd", "classifiers", "doctor", "repeat", "training", "unets"].map(
  (name) => `test/conformance/${name}.test.ts`,
);
const ENGINES_IN_PAGES = ["wasm", "webgl", "webgpu"] as const;

/** One browser and one server for all that runs in pages. */
function inChromium(executablePath: string): TestProjectInlineConfiguration {
  const browser = "chromium" as const;
  const engines = ENGINES_IN_PAGES.map((engine) => {
    const provided = provide(engine, "reduced");
    const exclude = engine === "webgpu" && provided.size === "reduced" ? HEAVY : [];
    return { browser, name: `chromium-${engine}`, include: [CONFORMANCE], exclude, provide: provided };
  });
  const instances = [...engines, { browser, name: "browser", include: [IN_PAGES] }];
  return {
    ...shared,
    resolve: { alias: pageAliases },
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
        "@tensorflow/tfjs-core",
        "@tensorflow/tfjs-core/dist/register_all_gradients.js",
        "@tensorflow/tfjs-backend-cpu",
        "@tensorflow/tfjs-backend-wasm",
        "@tensorflow/tfjs-backend-webgl",
        "@tensorflow/tfjs-backend-webgpu",
        "fflate",
        "ml-matrix",
        "protobufjs/light.js",
        "pure-rand/generator/xoroshiro128plus",
        "fast-check",
      ],
      exclude: ["onnxruntime-web/wasm"], // whose own imports ask to be left as they are
    },
    test: {
      ...patient,
      include: [CONFORMANCE, IN_PAGES],
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

interface Candidate {
  readonly names: readonly string[];
  readonly needs: Found;
  readonly project: (at: string) => TestProjectInlineConfiguration;
}

/** The projects that this machine can run, and those that it cannot. */
export function findProjects(): { projects: TestProjectInlineConfiguration[]; skipped: Skipped[] } {
  const inPages = [...ENGINES_IN_PAGES.map((engine) => `chromium-${engine}`), "browser"];
  const candidates: Candidate[] = [
    { names: ["webgpu"], needs: findWebgpu(), project: webgpuInNode },
    { names: ["node"], needs: findNative(), project: () => inNode("node", "reduced") },
    { names: inPages, needs: findChromium(), project: inChromium },
    { names: ["pages"], needs: findChromium(), project: pages },
  ];
  const projects = [unit, alone, inNode("cpu", "reduced"), inNode("wasm", "full")];
  const skipped: Skipped[] = [];
  for (const { names, needs, project } of candidates) {
    if ("at" in needs) projects.push(project(needs.at));
    else skipped.push({ projects: names, ...needs });
  }
  return { projects, skipped };
}
