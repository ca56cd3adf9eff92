// What `--preset` chooses from.
import { liveHalvings } from "./ablation.js";
import { experiment } from "./experiment.js";
import type { Preset } from "./preset.js";
import type { RecipeConfig, TrainingConfig } from "./schema.js";
import { hours, paper, scratch, small, smoke, tiny } from "./sizes.js";

/** The networks that ship with the examples. */
const emoji: Preset = {
  ...hours,
  preset: "emoji",
  groups: ["Smileys & Emotion", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Flags"],
  base: { ...hours.base, steps: 24_000 },
  plan: {
    ...hours.plan,
    pd: { ...hours.plan.pd, steps: 700, rate: 3e-4 },
    cfd: { ...hours.plan.cfd, steps: 700, rate: 2e-4 },
  },
  shown: [
    "face-smiling",
    "face-tongue",
    "face-costume",
    "cat-face",
    "heart",
    "animal-mammal",
    "animal-bird",
    "animal-marine",
    "plant-flower",
    "food-fruit",
    "food-prepared",
    "food-sweet",
    "drink",
    "place-building",
    "transport-air",
    "sky & weather",
    "sport",
    "country-flag",
  ],
};

/** The networks that ship, and the last halving once more, before one's eyes. */
const quickstart: Preset = {
  ...emoji,
  preset: "quickstart",
  shipped: { folder: "models", extractors: [] },
  variants: liveHalvings({
    pd: { ...emoji.plan.pd, steps: 150 },
    cfd: { ...emoji.plan.cfd, steps: 150 },
  }),
  measured: 150,
  saveEvery: 50,
  logEvery: 1,
};

/** The presets of each program, its default first. */
export const presets = {
  quickstart: { quickstart, scratch, emoji, smoke },
  "cifar10-cfd": {
    tiny,
    small,
    ...experiment,
    paper,
    smoke: { ...smoke, dataset: "cifar10" },
  },
} as const satisfies Record<RecipeConfig["recipe"], Record<string, Preset>>;

/** A preset with the number of training steps of every stage multiplied by `factor` (at least one step each). */
export function scaleSteps(preset: Preset, factor: number): Preset {
  const scaled = <T extends TrainingConfig>(stage: T): T => ({
    ...stage,
    steps: Math.max(1, Math.round(stage.steps * factor)),
  });
  const { base, classifier, plan, variants } = preset;
  return {
    ...preset,
    base: scaled(base),
    classifier: scaled(classifier),
    plan: { ...plan, pd: scaled(plan.pd), cfd: scaled(plan.cfd) },
    ...(variants && { variants: variants.map(scaled) }),
  };
}
