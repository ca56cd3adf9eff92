// What manifest.json tells of the models that ship: for Node and for a page.
import type { Weighting } from "cfd-distill";

/** How a model came to be: trained from data, or distilled from a model of twice as many steps. */
export type Method = "teacher" | "pd" | "cfd";

/** One of the models that come with the page. */
export interface ShippedModel {
  readonly id: string;
  readonly method: Method;
  /** The number of sampling steps it was trained for. */
  readonly steps: number;
  readonly file: string;
}

/** manifest.json beside them: which models there are. Other models may take their place. */
export interface Manifest {
  readonly about: string;
  /** What made them. */
  readonly command: string;
  /** Names of the labels 0, 1, ... */
  readonly classes: readonly string[];
  readonly models: readonly ShippedModel[];
  /** Whose features CFD compares. */
  readonly classifier: string;
  /** The halving that can be run in the page. */
  readonly distillation: {
    /** A model's id; the student takes half as many steps. */
    readonly teacher: string;
    readonly batch: number;
    /** Whether every second picture is mirrored. */
    readonly flip: boolean;
    readonly rate: number;
    /** Of PD's loss. */
    readonly weighting: Weighting;
    /** Of CFD's features. */
    readonly temperature: number;
    /** Weight of PD's loss beside CFD's. */
    readonly pixels: number;
  };
}
