import { join } from "node:path";
import type { RecipeConfig } from "./config.js";
import type { Data } from "./sheet.js";

/** What everybody who computes for a run has to know, in this thread and in others: plain data, which can be copied. */
export interface Workplace {
  readonly out: string;
  readonly config: RecipeConfig;
  readonly data: Data;
}

/** Where the checkpoint of a stage is. */
export function checkpointPath({ out }: Workplace, name: string): string {
  return join(out, "checkpoints", `${name}.safetensors`);
}
