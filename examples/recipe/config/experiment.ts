// The presets of the experiment of docs/results.md.
import { chainVariants, confirmingVariants, screeningVariants, thirtyVariants } from "./ablation.js";
import type { Methods } from "./halvings.js";
import { oneStepVariants } from "./one-step.js";
import type { Preset } from "./preset.js";
import { small } from "./sizes.js";

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

/** The arms that lead, from a teacher of thirty epochs that ends without noise: everything from the first weights on. */
const thirty: Preset = {
  ...small,
  preset: "thirty",
  unet: { ...small.unet, multipliers: [1, 1, 2, 2], attention: [2] },
  base: { ...small.base, steps: 188_000, batch: 8, weighting: { minSnr: 5, floor: 1 } },
  classifier: { ...small.classifier, steps: 30_000, augment: { shift: 4 } },
  plan: { ...groundwork.plan, pdTo: 8 },
  variants: thirtyVariants(compared, small.teacherSteps, 3),
  measured: confirm.measured,
};

/** Each by its name. */
export const experiment = {
  groundwork,
  densenet,
  screen,
  chains,
  confirm,
  grid,
  "one-step": oneStep,
  thirty,
} as const;
