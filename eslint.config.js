import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

// Which folders of src a folder may import from: arrows run downwards only.
const mayImport = {
  schedules: [],
  samplers: ["schedules"],
  distillation: ["schedules", "samplers"],
  losses: ["schedules", "distillation"],
  models: ["schedules"],
  metrics: ["io"],
  io: ["schedules", "models", "samplers"],
  training: ["schedules", "models", "io"],
};

// What runs in a browser imports nothing of Node, and no engine: both are the user's choice, behind other entries.
const notAnEngine = {
  regex: "^@tensorflow/tfjs-",
  message: "The core imports @tensorflow/tfjs, engines only in src/backends.",
};
const notInCore = [{ regex: "^node:", message: "Node-only code belongs to src/node." }, notAnEngine];

const layers = Object.entries(mayImport).map(([folder, below]) => ({
  files: [`src/${folder}/**`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          ...notInCore,
          {
            regex: `^\\.\\./(?!${["[a-z-]+\\.js$", ...below.map((name) => `${name}/`)].join("|")})`,
            message: `src/${folder} may import from ${["its own folder", ...below].join(", ")}.`,
          },
        ],
      },
    ],
  },
}));

export default defineConfig(
  {
    ignores: [
      "dist/",
      "examples/browser/dist/",
      "docs/api/",
      "node_modules/",
      ".vite/",
      ".engines/",
      "runs/",
      "data/",
      "test/.generated/",
      "reports/",
      ".stryker-tmp/",
      "src/backends/wasm/kernels/", // AssemblyScript
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
      "max-params": ["error", 5],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unnecessary-condition": "off", // callers without TypeScript are checked too
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/unified-signatures": "off",
    },
  },
  {
    // House rule 4: the library neither blocks on data, nor draws unseeded numbers, nor picks an engine.
    files: ["src/**"],
    ignores: ["src/backends/**"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[property.name=/^(dataSync|arraySync)$/]",
          message: "Reading back is async.",
        },
        {
          selector: "MemberExpression[object.name='Math'][property.name='random']",
          message: "Use createRng.",
        },
        {
          selector: "MemberExpression[object.name='tf'][property.name=/^(setBackend|random.*|multinomial)$/]",
          message: "Engines and random numbers belong to backends/ and rng.ts.",
        },
      ],
    },
  },
  {
    files: ["src/*.ts"],
    ignores: ["src/node/index.ts"],
    rules: { "no-restricted-imports": ["error", { patterns: notInCore }] },
  },
  { files: ["src/cli/**"], rules: { "no-restricted-imports": ["error", { patterns: [notAnEngine] }] } },
  ...layers,
  {
    // Names of files and labels are strangers' words, which a terminal would obey.
    files: ["examples/recipe/**"],
    ignores: ["examples/recipe/terminal/say.ts"],
    rules: { "no-console": "error" },
  },
  {
    // A describe block is one long function, and a test may well be longer than what it tests.
    files: ["test/**", "examples/*/test/**"],
    rules: { "max-lines-per-function": "off", "max-lines": ["error", 500] },
  },
  // Plain JavaScript belongs to no tsconfig, so it is linted without types.
  { files: ["**/*.{js,mjs}"], ...tseslint.configs.disableTypeChecked },
);
