// The sizes a run comes in, whatever it is for.
import type { Preset } from "./preset.js";

/** Everything from the first weights on, in minutes; its pictures are blurry. */
export const scratch: Preset = {
  preset: "scratch",
  dataset: "emoji",
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
export const smoke: Preset = {
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
export const hours: Preset = {
  ...scratch,
  preset: "hours",
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

/** CIFAR-10 in hours on a CPU: small networks, the paper's order of stages. */
export const small: Preset = {
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

/** Every number of the paper and of the authors' code (facts in docs/differences-from-rcfd.md). */
export const paper: Preset = {
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

export const tiny: Preset = { ...scratch, preset: "tiny", dataset: "cifar10", drawn: 20 };
