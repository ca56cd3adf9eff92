import { checkTensors, checkVariables } from "../check.js";
import type { Params } from "../types.js";

/** The entries that gradients and optimisers see. */
export function trainableEntries(params: Params, where: string): Params {
  checkVariables(params, where);
  checkTensors(params, where);
  return Object.fromEntries(Object.entries(params).filter(([, variable]) => variable.trainable));
}
