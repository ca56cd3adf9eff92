// The sizes a run comes in.
import { chainVariants, confirmingVariants, liveHalvings, screeningVariants } from "./ablation.js";
import { oneStepVariants } from "./one-step.js";
import type { Halving, RecipeConfig, TrainingConfig } from "./schema.js";
import type { Methods, Plan } from "./halvings.js";
import type { ShippedFolder } from "./shipped.js";

/** A preset: everything but where to compute, from which seed, and the halvings, which follow from the teacher. */
export type Preset = Omit<RecipeConfig, "recipe" | "engine" | "seed" | "halvings" | "files"> & {
  readonly plan: Plan;
  /** Teacher, classifier and the students of the plan ship; what is trained is the variants. */
  readonly shipped?: Shipped;
  /** Halvings beside the plan's, to be compared. */
  readonly variants?: readonly Halving[];
};

/** Where they ship, and which classifiers there measure the samples. */
export interface Shipped {
  readonly folder: ShippedFolder;
  readonly extractors: readonly string[];
}

/** Everything from the first weights on, in minutes; its pictures are blurry. */
const scratch: Preset = {
  preset: "scratch",
  dataset: "emoji-groups",
  teacherSteps: 16,
  schedule: "cosine",
  unet: { channels: 16, multipliers: [1, 2, 2], attention: [2], blocks: 1, groups: 8 },
  flip: true,
  recompute: false,
  base: {
    steps: 1000,
    batch: 8,
    microBatches: 1,
    rate: 2e-3,
    warmup: 30,
    anneal: true,
    emaDecay: 0.995,
    dropout: 0,
    weighting: "x0",
  },
  classifier: {
    network: { type: "resnet", blocks: [1, 1, 1, 1], width: 8 },
    steps: 120,
    batch: 24,
    microBatches: 1,
    rate: 0.05,
    schedule: "cosine",
    momentum: 0.9,
    weightDecay: 5e-4,
    augment: { shift: 2 },
  },
  plan: {
    pd: { steps: 35, batch: 8, microBatches: 1, rate: 3e-4, weighting: "x0" },
    cfd: { steps: 35, batch: 8, microBatches: 1, rate: 3e-4, temperature: 0.9, beta: 0, gamma: 0.75 },
    pdTo: 1,
    cfdFrom: 4,
    cfdTo: 1,
    lastLonger: 1,
  },
  measured: 150,
  reference: 2000,
  drawn: 18,
  saveEvery: 50,
  logEvery: 1,
};

/** Every stage in seconds, to see that it works; its pictures are noise. */
const smoke: Preset = {
  ...scratch,
  preset: "smoke",
  teacherSteps: 8,
  unet: { channels: 8, multipliers: [1, 2], attention: [1], blocks: 1, groups: 4 },
  base: { ...scratch.base, steps: 6, batch: 4, warmup: 2 },
  classifier: {
    ...scratch.classifier,
    network: { type: "resnet", blocks: [1, 1], width: 4 },
    steps: 4,
    batch: 4,
  },
  plan: {
    ...scratch.plan,
    pd: { ...scratch.plan.pd, steps: 3, batch: 4 },
    cfd: { ...scratch.plan.cfd, steps: 3, batch: 4 },
    pdTo: 2,
    cfdTo: 2,
  },
  measured: 20,
  reference: 60,
  drawn: 9,
  saveEvery: 2,
};

/** What takes hours on two cores, whatever the images. */
const hours: Preset = {
  ...scratch,
  preset: "hours",
  dataset: "emoji-kinds",
  teacherSteps: 64,
  unet: { channels: 32, multipliers: [1, 1, 2], attention: [1, 2], blocks: 1, groups: 8 },
  flip: false,
  base: {
    ...scratch.base,
    steps: 40_000,
    batch: 16,
    rate: 1e-3,
    warmup: 500,
    emaDecay: 0.9995,
    weighting: { minSnr: 5 },
  },
  classifier: {
    ...scratch.classifier,
    network: { type: "resnet", blocks: [2, 2, 2, 2], width: 16 },
    steps: 4000,
    batch: 32,
  },
  plan: {
    pd: { steps: 2000, batch: 16, microBatches: 1, rate: 2e-4, weighting: "truncatedSnr" },
    cfd: { steps: 2000, batch: 16, microBatches: 1, rate: 1e-4, temperature: 0.9, beta: 0, gamma: 0.75 },
    pdTo: 1,
    cfdFrom: 8,
    cfdTo: 1,
    lastLonger: 2,
  },
  measured: 500,
  drawn: 18,
  saveEvery: 500,
  logEvery: 50,
};

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

/** CIFAR-10 in hours on a CPU: small networks, the paper's order of stages. */
const small: Preset = {
  ...hours,
  preset: "small",
  dataset: "cifar10",
  unet: { channels: 32, multipliers: [1, 2, 2], attention: [1], blocks: 1, groups: 8 },
  flip: true,
  base: { ...hours.base, steps: 60_000 },
  classifier: { ...hours.classifier, steps: 6000, batch: 64, augment: "paper", rate: 0.1 },
  measured: 1000,
  reference: 10_000,
  drawn: 20,
};

const compared: Methods = {
  pd: { ...small.plan.pd, steps: 300, batch: 8 },
  cfd: { ...small.plan.cfd, steps: 300, batch: 8, rate: small.plan.pd.rate },
};

/** The networks with which `screen` and `confirm` begin: they ship with the examples. */
const groundwork: Preset = {
  ...small,
  preset: "groundwork",
  schedule: "table", // of the networks that ship
  base: { ...small.base, steps: 13_000 },
  classifier: { ...small.classifier, steps: 3000 },
  plan: { ...compared, pdTo: 2, cfdFrom: 8, cfdTo: 8, lastLonger: 1 },
};

/** A classifier of another kind, which only measures; nothing else of it is trained. */
const densenet: Preset = {
  ...groundwork,
  preset: "densenet",
  classifier: {
    ...groundwork.classifier,
    network: { type: "densenet", growth: 12, blocks: [4, 4, 4], stem: 24 },
    steps: 1500,
  },
};

/** Which loss halves best: every variant of the ablation from one student of two steps to one. */
const screen: Preset = {
  ...groundwork,
  preset: "screen",
  shipped: { folder: "cifar10", extractors: ["densenet"] },
  variants: screeningVariants(compared),
};

/** What one halving to one step cannot show: errors that add up, weights and times of a student's steps. */
const chains: Preset = {
  ...screen,
  preset: "chains",
  plan: { ...groundwork.plan, pdTo: 8 },
  variants: chainVariants(compared, groundwork.teacherSteps),
};

/** PD and the two variants of CFD that the screening ranks best from eight steps down to one, three times each. */
const confirm: Preset = {
  ...groundwork,
  preset: "confirm",
  shipped: { folder: "cifar10", extractors: ["densenet"] },
  plan: { ...groundwork.plan, pdTo: 8 },
  variants: confirmingVariants(compared, 3, ["PD", "CFD 0.9, beta 0.003", "CFD 0.9, two layers"]),
  measured: 3334, // of each seed; 10,002 of each variant
};

/** The same of every variant: days. */
const grid: Preset = { ...confirm, preset: "grid", variants: confirmingVariants(compared, 3) };

/** The ways to one step from one teacher at equal time, three times each. */
const oneStep: Preset = {
  ...confirm,
  preset: "one-step",
  plan: { ...groundwork.plan, pdTo: groundwork.teacherSteps },
  variants: oneStepVariants(compared, groundwork.teacherSteps, 3),
};

/** Every number of the paper and of the authors' code (facts in docs/differences-from-rcfd.md). */
const paper: Preset = {
  preset: "paper",
  dataset: "cifar10",
  teacherSteps: 1024,
  unet: { channels: 128, multipliers: [1, 2, 2, 2], attention: [1], blocks: 2, groups: 32 },
  flip: true,
  recompute: true,
  base: {
    steps: 800_000,
    batch: 128,
    microBatches: 8,
    rate: 2e-4,
    warmup: 5000,
    anneal: false,
    emaDecay: 0.9999,
    dropout: 0.1,
    weighting: "truncatedSnr",
  },
  classifier: {
    network: { type: "densenet", depth: 201 },
    steps: 117_300, // 300 epochs of 391 batches
    batch: 128,
    microBatches: 8,
    rate: 0.1,
    schedule: "tenths",
    momentum: 0.9,
    weightDecay: 5e-4,
    augment: "paper",
  },
  plan: {
    pd: { steps: 10_000, batch: 128, microBatches: 8, rate: 5e-5, weighting: "truncatedSnr" },
    cfd: { steps: 10_000, batch: 128, microBatches: 8, rate: 5e-5, temperature: 0.9, beta: 0, gamma: 0.75 },
    pdTo: 1,
    cfdFrom: 8,
    cfdTo: 1,
    lastLonger: 2,
  },
  measured: 50_000,
  reference: 50_000,
  drawn: 20,
  saveEvery: 500,
  logEvery: 50,
};

const tiny: Preset = { ...scratch, preset: "tiny", dataset: "cifar10", drawn: 20 };

/** The presets of each program, its default first. */
export const presets = {
  quickstart: { quickstart, scratch, emoji, smoke },
  "cifar10-cfd": {
    tiny,
    small,
    groundwork,
    densenet,
    screen,
    chains,
    confirm,
    grid,
    "one-step": oneStep,
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
