// What a preset is.
import type { Plan } from "./halvings.js";
import type { Halving, RecipeConfig } from "./schema.js";
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
