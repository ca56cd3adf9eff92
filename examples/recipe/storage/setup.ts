import { join } from "node:path";
import type { RecipeConfig } from "../config/schema.js";
import type { Data } from "../../../tools/image-sets.js";

/** What a run begins with: where its results are kept, what it computes, and of which images. */
export interface Setup {
  readonly out: string;
  readonly config: RecipeConfig;
  readonly data: Data;
}

/** Where the checkpoint of a stage is. */
export function checkpointPath({ out }: Setup, name: string): string {
  return join(out, "checkpoints", `${name}.safetensors`);
}
