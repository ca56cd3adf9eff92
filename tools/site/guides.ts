// The guides as the site shows them: by purpose, in the order in which one reads them.

/** Paths from the repository's root, by the heading they stand under. */
export const guides: Readonly<Record<string, readonly string[]>> = {
  Begin: ["README.md", "docs/README.md", "docs/concepts.md", "docs/limits.md"],
  "In a page": [
    "docs/browser.md",
    "docs/bundlers.md",
    "docs/workers.md",
    "docs/react.md",
    "docs/loading.md",
    "docs/testing.md",
    "docs/sizes.md",
  ],
  "Train and distil": [
    "docs/your-pictures.md",
    "docs/recipe.md",
    "docs/composing-losses.md",
    "docs/one-step.md",
    "docs/guidance.md",
    "docs/choosing.md",
    "docs/data.md",
    "docs/node.md",
    "docs/metrics.md",
    "docs/results.md",
    "docs/scale.md",
  ],
  "From PyTorch": [
    "docs/from-pytorch-to-the-browser.md",
    "docs/formats.md",
    "docs/adapters.md",
    "docs/pytorch.md",
  ],
  Engines: ["docs/engines.md", "docs/performance.md"],
  "Look up": [
    "docs/troubleshooting.md",
    "docs/notation.md",
    "docs/differences-from-rcfd.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
  ],
};

/** The parts of the reference, each with the rooms of src that it shows: the README's table of parts. */
export const parts: Readonly<Record<string, readonly string[]>> = {
  Schedules: ["schedules"],
  Prediction: ["prediction"],
  Samplers: ["samplers"],
  Targets: ["targets"],
  Losses: ["losses"],
  Models: ["models"],
  Training: ["training", "autodiff"],
  Engines: ["backends", "doctor"],
  "For those who only draw": ["generator"],
  "Random numbers": ["rng"],
  "Types that all share": ["types"],
};
