// What is measured beside PyTorch, and what is aimed at.
import { STORED } from "./pytorch.js";
import { paper, small, type StepName, type Workload } from "./workloads.js";

/** A step as a row of the tables. Targets are under Node 22 and later, and under Node 20. */
export interface Row {
  readonly title: string;
  readonly step: StepName;
  /** Whether images a second are shown, not milliseconds: more is better, of PyTorch's too. */
  readonly perSecond?: true;
  /** Times PyTorch's in two threads. */
  readonly target?: string;
  /** How many times as fast as one thread two are to be. */
  readonly gain?: string;
  /** Of the time in one thread, at most: what a second thread does not make shorter. */
  readonly serial?: string;
}

/** Rows of one workload. */
export interface Part {
  readonly title: string;
  readonly workload: Workload;
  /** PyTorch's milliseconds where it cannot be run. */
  readonly stored: Readonly<Partial<Record<StepName, number>>>;
  readonly rows: readonly Row[];
}

export const PARTS: readonly Part[] = [
  {
    title: "small U-Net, batch 16",
    workload: small,
    stored: STORED.small,
    rows: [
      { title: "forward", step: "forward" },
      { title: "base step", step: "base", target: "0.95 / 1.1", gain: "1.85 / 1.8", serial: "6 %" },
      { title: "progressive step", step: "progressive", target: "1.0 / 1.2" },
      { title: "CFD step, ResNet-18", step: "cfd", target: "1.05 / 1.3" },
    ],
  },
  {
    title: "paper's U-Net, batch 4",
    workload: paper,
    stored: STORED.paper,
    rows: [
      { title: "forward", step: "forward", target: "1.1 / 1.4" },
      { title: "base step", step: "base", target: "1.05 / 1.4", serial: "4 %" },
    ],
  },
  {
    title: "sampling, small U-Net",
    workload: { ...small, batch: 64 },
    stored: {},
    rows: [{ title: "64 in 4 steps, images/s", step: "sample 4", perSecond: true, target: "1.0 / 0.85" }],
  },
  {
    title: "one image, small U-Net",
    workload: { ...small, batch: 1 },
    stored: {},
    rows: [{ title: "in 4 steps", step: "sample 4", gain: "1.7 / 1.7" }],
  },
];

/** Of PyTorch's peak memory, in two threads. */
export const MEMORY_TARGET = "0.8 / 0.85";

/** The workloads whose base steps' memory is measured. */
export const MEMORY_PARTS = PARTS.filter(({ rows }) => rows.some(({ step }) => step === "base"));
