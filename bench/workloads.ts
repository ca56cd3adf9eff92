import type { UnetOptions } from "cfd-distill";

/** What a step is timed on. Plain JSON: it goes to PyTorch as well. */
export interface Workload {
  readonly unet: Omit<UnetOptions, "timeScale">;
  readonly batch: number;
  /** Height and width of the images. */
  readonly size: number;
  /** Whether this library computes blocks again instead of keeping their intermediates. */
  readonly recompute?: boolean;
}

/** A forward pass, sampling by DDIM in so many steps, or a training step: loss, gradients, clipping, Adam. */
export type StepName = DrawingStep | TrainingStep;
export type DrawingStep = "forward" | `sample ${number}`;
export type TrainingStep = "base" | "progressive" | "cfd";

/** 1.11 M parameters; 8.23 GFLOP forward. */
export const small: Workload = {
  unet: { channels: 32, multipliers: [1, 2, 2], attention: [1], blocks: 1 },
  batch: 16,
  size: 32,
};

/** 35.75 M parameters, the size of the paper's; 48.4 GFLOP forward. */
export const paper: Workload = {
  unet: { channels: 128, multipliers: [1, 2, 2, 2], attention: [1], blocks: 2 },
  batch: 4,
  size: 32,
};
