// Who may import whom, `npm run imports`: arrows run downwards only, and what is not allowed here is an error.

// The rooms of src, each with those below it that it may open. Files of the root's own are for all.
const rooms = {
  autodiff: [],
  schedules: [],
  prediction: ["schedules"],
  samplers: ["prediction", "schedules"],
  targets: ["autodiff", "prediction", "schedules"],
  losses: ["autodiff", "targets", "prediction", "schedules"],
  models: ["autodiff", "schedules"],
  adapters: ["models"],
  formats: ["models", "prediction", "schedules"],
  data: ["formats"],
  metrics: ["formats"],
  training: ["autodiff", "formats", "models", "prediction", "schedules"],
  generator: ["data", "formats", "models", "samplers", "training"],
  backends: ["autodiff"],
  doctor: ["autodiff", "backends", "models", "training"],
  node: ["data", "formats", "generator", "training"],
  cli: ["backends", "data", "doctor", "formats", "generator", "node", "training"],
};
// The same of examples/recipe. run.ts above them does a run; index.ts is for everybody else.
const recipe = {
  terminal: [],
  config: ["terminal"],
  datasets: ["terminal"],
  storage: ["config"],
  models: ["storage", "config"],
  stages: ["models", "storage", "datasets", "config", "terminal"],
  measure: ["models", "storage", "config", "terminal"],
  report: ["measure", "storage", "config", "terminal"],
  plan: ["report", "measure", "stages", "models", "storage", "config"],
  watch: ["plan", "report", "measure", "storage", "config"],
};
const shared = "^examples/(recipe/index|emoji/[a-z-]+)[.]ts$";
/** Tools that a page may use. */
const plainTools = "^tools/(image-sets|words)[.]ts$";
const basics = "^src/(types|check|bounds|rng|in-node)[.]ts$";
const entries =
  "^src/(index|(adapters|formats|metrics|data|node)/index|backends/(cpu|wasm|webgl|webgpu))[.]ts$";

/** Paths in node_modules of packages. */
const packages = (...names) => names.map((name) => `^node_modules/${name}/`);

const allow = (from, ...to) => ({ from: { path: from }, to: { path: to.flat() } });
const builtins = (from) => ({ from: { path: from }, to: { dependencyTypes: ["core"] } });

const allowed = [
  ...Object.entries(rooms).map(([room, below]) =>
    allow(`^src/${room}/`, basics, `^src/(${[room, ...below].join("|")})/`),
  ),
  allow(basics, basics),
  allow("^src/index[.]ts$", basics, "^src/[a-z]+/"),
  allow("^src/node/", "^src/backends/native/folder[.]ts$"), // where this library keeps files
  allow("^src/cli/", "^src/index[.]ts$"),

  // TensorFlow.js comes by one file; its layers and converters are for the adapters, its engines for their own files.
  allow("^src/", "^src/tfjs[.]ts$"),
  allow("^src/(tfjs[.]ts|adapters/)", packages("@tensorflow/tfjs")),
  allow("^src/tfjs-page[.]ts$", packages("@tensorflow/tfjs-core")),
  allow("^src/backends/cpu[.]ts$", packages("@tensorflow/tfjs-backend-cpu")),
  allow("^src/backends/webgl[.]ts$", packages("@tensorflow/tfjs-backend-webgl")),
  allow("^src/check[.]ts$", packages("fastest-levenshtein")),
  allow("^src/rng[.]ts$", packages("pure-rand")),
  allow("^src/formats/", packages("fflate", "crc-32", "protobufjs")),
  allow("^src/metrics/", packages("ml-matrix")),
  allow("^src/node/", packages("pngjs")),
  allow("^src/cli/", packages("commander")),
  allow("^src/backends/wasm", packages("@tensorflow/tfjs-backend-wasm")),
  allow("^src/backends/webgpu", packages("@tensorflow/tfjs-backend-webgpu", "@webgpu/types")),
  // What runs in a page knows nothing of Node.
  builtins("^src/(node|cli|backends/native)/|^src/backends/wasm/(start/builtin|threads/worker)[.]ts$"),

  // What is not src: of packages whatever it needs.
  allow("^(examples|bench|scripts|tools|test)/", "^node_modules/"),
  builtins("^(examples|bench|scripts|tools|test)/"),

  // A page of examples/ imports what anybody can: the package by its names.
  allow("^examples/", entries),
  allow("^examples/(cifar10-cfd|quickstart)[.]ts$", "^examples/(recipe/index|emoji/files)[.]ts$"),
  // What the recipe and the demo page share; a page has no files.ts, which needs Node.
  allow("^examples/scale/", "^examples/emoji/files[.]ts$"),
  allow("^examples/emoji/", "^examples/emoji/", plainTools),
  allow("^examples/emoji/files[.]ts$", "^tools/[a-z-]+[.]ts$"),
  allow(
    "^examples/browser/",
    "^examples/browser/",
    "^examples/emoji/(manifest|sprite-sheet)[.]ts$",
    "^examples/recipe/stages/losses[.]ts$",
    plainTools,
  ),
  allow("^examples/browser/", "^@webgpu/types$", "[?]url$"),
  allow("^examples/page/", "^examples/page/"),
  allow("^examples/snippets/", "^react$"), // comes with Next
  allow("^examples/testing/", "^examples/testing/", "^@jest/globals$"),
  allow("^examples/browser/(test/|vite|vitest)", "^examples/emoji/", "^tools/"),

  ...Object.entries(recipe).map(([room, below]) =>
    allow(
      `^examples/recipe/${room}/`,
      `^examples/recipe/(${[room, ...below].join("|")})/`,
      "^examples/emoji/",
      "^tools/[a-z-]+[.]ts$",
    ),
  ),
  allow("^examples/recipe/run[.]ts$", "^examples/recipe/[a-z]+/", "^tools/[a-z-]+[.]ts$"),
  allow("^examples/recipe/index[.]ts$", "^examples/recipe/run[.]ts$", "^examples/recipe/[a-z]+/"),
  allow("^examples/recipe/test/", "^examples/(recipe|emoji)/", "^(tools|test/support)/"),

  // Tools: the files that all may use, then rooms, each for one page or program.
  allow("^tools/[a-z-]+[.]ts$", "^tools/[a-z-]+[.]ts$", entries),
  allow("^tools/machine[.]ts$", "^src/backends/native/folder[.]ts$"), // where what it built lies
  ...["bundlers", "concepts", "conformance", "emoji", "package", "pages", "results", "site"].map((room) =>
    allow(`^tools/${room}/`, `^tools/(${room}/|[a-z-]+[.]ts$)`, entries, shared),
  ),
  allow("^bench/", "^(bench|src)/", "^tools/[a-z-]+[.]ts$"),
  allow("^scripts/", "^(tools|bench)/", entries, shared, "^test/(projects|formats/fuzz)/"),

  allow("^test/", "^(test|src|tools)/", shared),
  allow("^test/browser/onnx[.]test[.]ts$", "^examples/browser/onnx[.]ts$", "^docs/browser[.]md$"), // what it holds together
];

export default {
  forbidden: [{ name: "no-circle", severity: "error", from: {}, to: { circular: true } }],
  allowed,
  allowedSeverity: "error",
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^src/backends/wasm/kernels/|[.]generated/|/dist/" },
    tsPreCompilationDeps: true, // types too
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "default"] },
  },
};
