// The sizes a run comes in.
import type { Halving, RecipeConfig, TrainingConfig } from "./config.js";

/** A preset: everything but where to compute, from which seed, and the halvings, which follow from the teacher. */
export type Preset = Omit<RecipeConfig, "recipe" | "engine" | "seed" | "halvings" | "files"> & {
  readonly plan: Plan;
};

type Pd = Omit<Extract<Halving, { method: "pd" }>, "method" | "name" | "teacher" | "studentSteps">;
type Cfd = Omit<Extract<Halving, { method: "cfd" }>, "method" | "name" | "teacher" | "studentSteps">;

/** PD halves from the teacher's steps down to `pdTo`; CFD from PD's student of `cfdFrom` steps down to `cfdTo`. */
export interface Plan {
  readonly pd: Pd;
  readonly cfd: Cfd;
  readonly pdTo: number;
  readonly cfdFrom: number;
  readonly cfdTo: number;
  /** Students of 2 steps and of 1 are trained so many times as long. */
  readonly lastLonger: number;
}

/** The halvings of a teacher of so many steps; CFD starts from the teacher itself where it has few enough. */
export function halvings(teacherSteps: number, plan: Plan): Halving[] {
  const { pd, cfd, pdTo, cfdTo, lastLonger } = plan;
  const longer = (steps: number, { steps: trained }: TrainingConfig) =>
    trained * (steps <= 2 ? lastLonger : 1);
  const cfdFrom = Math.min(plan.cfdFrom, teacherSteps);
  const chain = <M extends "pd" | "cfd">(method: M, first: string, from: number, to: number) => {
    const names: { method: M; name: string; teacher: string; studentSteps: number }[] = [];
    for (let steps = from / 2; steps >= to; steps /= 2) {
      names.push({
        method,
        name: `${method}-${steps}`,
        teacher: names.at(-1)?.name ?? first,
        studentSteps: steps,
      });
    }
    return names;
  };
  const start = cfdFrom === teacherSteps ? "teacher" : `pd-${cfdFrom}`;
  return [
    ...chain("pd", "teacher", teacherSteps, pdTo).map((stage) => ({
      ...stage,
      ...pd,
      steps: longer(stage.studentSteps, pd),
    })),
    ...chain("cfd", start, cfdFrom, cfdTo).map((stage) => ({
      ...stage,
      ...cfd,
      steps: longer(stage.studentSteps, cfd),
    })),
  ];
}

const quickstart: Preset = {
  preset: "quickstart",
  dataset: "emoji-groups",
  parallel: 2,
  teacherSteps: 16,
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
  ...quickstart,
  preset: "smoke",
  parallel: 1,
  teacherSteps: 8,
  unet: { channels: 8, multipliers: [1, 2], attention: [1], blocks: 1, groups: 4 },
  base: { ...quickstart.base, steps: 6, batch: 4, warmup: 2 },
  classifier: {
    ...quickstart.classifier,
    network: { type: "resnet", blocks: [1, 1], width: 4 },
    steps: 4,
    batch: 4,
  },
  plan: {
    ...quickstart.plan,
    pd: { ...quickstart.plan.pd, steps: 3, batch: 4 },
    cfd: { ...quickstart.plan.cfd, steps: 3, batch: 4 },
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
  ...quickstart,
  preset: "hours",
  dataset: "emoji-kinds",
  teacherSteps: 64,
  unet: { channels: 32, multipliers: [1, 1, 2], attention: [1, 2], blocks: 1, groups: 8 },
  flip: false,
  base: {
    ...quickstart.base,
    steps: 40_000,
    batch: 16,
    rate: 1e-3,
    warmup: 500,
    emaDecay: 0.9995,
    weighting: { minSnr: 5 },
  },
  classifier: {
    ...quickstart.classifier,
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
  shown: [
    "face-smiling",
    "face-concerned",
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
    "transport-ground",
    "sky & weather",
    "sport",
    "country-flag",
  ],
};

/** CIFAR-10 in hours on a CPU: small networks, the paper's order of stages. */
const small: Preset = {
  ...hours,
  preset: "small",
  dataset: "cifar10",
  unet: { channels: 32, multipliers: [1, 2, 2], attention: [1], blocks: 1, groups: 8 },
  flip: true,
  base: { ...hours.base, steps: 30_000, batch: 32, weighting: "truncatedSnr" },
  classifier: { ...hours.classifier, steps: 6000, batch: 64, augment: "paper", rate: 0.1 },
  measured: 1000,
  reference: 10_000,
  drawn: 20,
};

/** Every number of the paper and of the authors' code (facts in docs/differences-from-rcfd.md). */
const paper: Preset = {
  preset: "paper",
  dataset: "cifar10",
  parallel: 1,
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

const tiny: Preset = { ...quickstart, preset: "tiny", dataset: "cifar10", drawn: 20 };

/** The presets of each program, its default first. */
export const presets = {
  quickstart: { quickstart, emoji, smoke },
  "cifar10-cfd": { tiny, small, paper, smoke: { ...smoke, dataset: "cifar10" } },
} as const satisfies Record<RecipeConfig["recipe"], Record<string, Preset>>;

/** A preset with the number of training steps of every stage multiplied by `factor` (at least one step each). */
export function scaleSteps(preset: Preset, factor: number): Preset {
  const scaled = <T extends TrainingConfig>(stage: T): T => ({
    ...stage,
    steps: Math.max(1, Math.round(stage.steps * factor)),
  });
  const { base, classifier, plan } = preset;
  return {
    ...preset,
    base: scaled(base),
    classifier: scaled(classifier),
    plan: { ...plan, pd: scaled(plan.pd), cfd: scaled(plan.cfd) },
  };
}
