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
  flip: true,
  base: { ...hours.base, steps: 36_000, batch: 8, weighting: { minSnr: 5, floor: 1 } },
  plan: {
    ...hours.plan,
    pd: { ...hours.plan.pd, steps: 600, rate: 3e-4 },
    cfd: { ...hours.plan.cfd, steps: 600, rate: 3e-4, pixels: 10 },
  },
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
