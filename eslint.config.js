import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  {
    ignores: [
      "dist/",
      "examples/browser/dist/",
      "docs/api/",
      "site/",
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
    // What a page loads names nothing that only Node has: some bundlers ask for a polyfill, others pack one.
    files: ["src/**"],
    ignores: ["src/node/**", "src/cli/**", "src/doctor/**", "src/backends/native/**"],
    rules: { "no-restricted-globals": ["error", "process", "Buffer", "global", "__dirname", "setImmediate"] },
  },
  {
    // Names of files and labels are strangers' words, which a terminal would obey.
    files: ["examples/recipe/**"],
    ignores: ["examples/recipe/terminal/print.ts"],
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
