import type { Weighting } from "cfd-distill";
import type { SheetClasses } from "./sheet.js";

/** Everything that decides what a run computes. Plain JSON; a run directory keeps it as config.json. */
export interface RecipeConfig {
  readonly recipe: "quickstart" | "cifar10-cfd";
  readonly preset: "quickstart" | "emoji" | "tiny" | "smoke";
  readonly engine: "wasm" | "cpu";
  readonly seed: number;
  /** Worker threads that share every batch; 1 for none. The count is part of the result: sums round differently. */
  readonly parallel: number;
  /** Steps T of the teacher, on whose grid everybody is trained. */
  readonly teacherSteps: number;
  readonly unet: {
    readonly channels: number;
    readonly multipliers: readonly number[];
    readonly attention: readonly number[];
    readonly blocks: number;
    readonly groups: number;
  };
  /** What an emoji's class is; CIFAR-10 has its own. */
  readonly classes: SheetClasses;
  /** Diffusion models see every second image mirrored. */
  readonly flip: boolean;
  readonly base: TrainingConfig & {
    readonly warmup: number;
    readonly emaDecay: number;
    readonly weighting: Weighting;
  };
  readonly classifier: TrainingConfig & {
    readonly width: number;
    readonly blocks: readonly number[];
    readonly momentum: number;
    readonly weightDecay: number;
    /** Random shifts, in pixels; photographs are mirrored too. */
    readonly crop: number;
  };
  readonly distillation: {
    readonly pd: TrainingConfig & { readonly weighting: Weighting };
    readonly cfd: TrainingConfig & {
      readonly temperature: number;
      readonly beta: number;
      readonly gamma: number;
    };
    /** PD halves from teacherSteps down to `last`. */
    readonly last: number;
    /** CFD starts from PD's student of `cfdFrom` steps and halves down to `last`. */
    readonly cfdFrom: number;
  };
  /** Samples for the measured distances; each method draws so many from the same noise and labels. */
  readonly measured: number;
  /** At most so many training images, and as many test images, stand for the data in those distances. */
  readonly reference: number;
  /** Columns per class in the picture. */
  readonly drawnPerClass: number;
  /** Training steps between two checkpoints: what a power cut can cost. */
  readonly saveEvery: number;
  /** Every so many training steps have a line in the log. */
  readonly logEvery: number;
}

export interface TrainingConfig {
  readonly steps: number;
  readonly batch: number;
  readonly rate: number;
}

/** One halving: who teaches, how, and how many steps the student will take. */
export interface Halving {
  readonly name: string;
  readonly method: "pd" | "cfd";
  readonly teacher: string;
  readonly studentSteps: number;
}

/** PD from the teacher down to `last` steps, then CFD from PD's `cfdFrom`-step student down to `last`. */
export function halvings(config: RecipeConfig): Halving[] {
  const { last, cfdFrom } = config.distillation;
  const chain = (method: "pd" | "cfd", first: string, from: number): Halving[] => {
    const stages: Halving[] = [];
    for (let steps = from / 2; steps >= last; steps /= 2) {
      const teacher = stages.at(-1)?.name ?? first;
      stages.push({ name: `${method}-${steps}`, method, teacher, studentSteps: steps });
    }
    return stages;
  };
  const pd = chain("pd", "teacher", config.teacherSteps);
  const start = cfdFrom === config.teacherSteps ? "teacher" : `pd-${cfdFrom}`;
  return [...pd, ...chain("cfd", start, cfdFrom)];
}

const quickstart: Omit<RecipeConfig, "engine" | "seed"> = {
  recipe: "quickstart",
  preset: "quickstart",
  parallel: 2,
  teacherSteps: 16,
  unet: { channels: 16, multipliers: [1, 2, 2], attention: [2], blocks: 1, groups: 8 },
  classes: "groups",
  flip: true,
  base: { steps: 1000, batch: 8, rate: 2e-3, warmup: 30, emaDecay: 0.995, weighting: "x0" },
  classifier: {
    steps: 120,
    batch: 24,
    rate: 0.05,
    width: 8,
    blocks: [1, 1, 1, 1],
    momentum: 0.9,
    weightDecay: 5e-4,
    crop: 2,
  },
  distillation: {
    pd: { steps: 35, batch: 8, rate: 3e-4, weighting: "x0" },
    cfd: { steps: 35, batch: 8, rate: 3e-4, temperature: 0.9, beta: 0, gamma: 0.75 },
    last: 1,
    cfdFrom: 4,
  },
  measured: 150,
  reference: 2000,
  drawnPerClass: 2,
  saveEvery: 50,
  logEvery: 1,
};

/** The networks that ship with the examples: hours on two cores. */
const emoji: Omit<RecipeConfig, "engine" | "seed"> = {
  ...quickstart,
  preset: "emoji",
  teacherSteps: 64,
  unet: { channels: 32, multipliers: [1, 1, 2], attention: [1, 2], blocks: 1, groups: 8 },
  classes: "kinds",
  flip: false,
  base: { steps: 40_000, batch: 16, rate: 1e-3, warmup: 500, emaDecay: 0.9995, weighting: { minSnr: 5 } },
  classifier: { ...quickstart.classifier, steps: 4000, batch: 32, width: 16, blocks: [2, 2, 2, 2] },
  distillation: {
    pd: { steps: 2000, batch: 16, rate: 2e-4, weighting: "truncatedSnr" },
    cfd: { steps: 2000, batch: 16, rate: 1e-4, temperature: 0.9, beta: 0, gamma: 0.75 },
    last: 1,
    cfdFrom: 8,
  },
  measured: 500,
  drawnPerClass: 1,
  saveEvery: 500,
  logEvery: 50,
};

/** The sizes a run comes in. `smoke` only shows that every stage works; its pictures are noise. */
export const presets = {
  quickstart,
  emoji,
  tiny: { ...quickstart, recipe: "cifar10-cfd", preset: "tiny" },
  smoke: smaller({ ...quickstart, recipe: "cifar10-cfd", preset: "smoke" }),
} as const;

function smaller(config: Omit<RecipeConfig, "engine" | "seed">): Omit<RecipeConfig, "engine" | "seed"> {
  const { base, classifier, distillation } = config;
  return {
    ...config,
    parallel: 1,
    teacherSteps: 8,
    unet: { channels: 8, multipliers: [1, 2], attention: [1], blocks: 1, groups: 4 },
    base: { ...base, steps: 6, batch: 4, warmup: 2 },
    classifier: { ...classifier, steps: 4, batch: 4, width: 4, blocks: [1, 1] },
    distillation: {
      pd: { ...distillation.pd, steps: 3, batch: 4 },
      cfd: { ...distillation.cfd, steps: 3, batch: 4 },
      last: 2,
      cfdFrom: 4,
    },
    measured: 20,
    reference: 60,
    drawnPerClass: 1,
    saveEvery: 2,
  };
}

/** A preset with the number of training steps of every stage multiplied by `factor` (at least one step each). */
export function scaleSteps<C extends Omit<RecipeConfig, "engine" | "seed">>(config: C, factor: number): C {
  const scaled = <T extends TrainingConfig>(stage: T): T => ({
    ...stage,
    steps: Math.max(1, Math.round(stage.steps * factor)),
  });
  const { base, classifier, distillation } = config;
  return {
    ...config,
    base: scaled(base),
    classifier: scaled(classifier),
    distillation: { ...distillation, pd: scaled(distillation.pd), cfd: scaled(distillation.cfd) },
  };
}

/** "1 step", "2 steps". */
export function inSteps(count: number): string {
  return count === 1 ? "1 step" : `${count} steps`;
}
