import { check } from "../../check.js";
import type { StateDict, StoredTensor } from "../state-dict.js";

/**
 * What wrappers put into the names of what they wrap: DataParallel and DistributedDataParallel, torch.compile, FSDP and
 * activation checkpointing. No network of this library has parts of these names.
 */
const WRAPPERS = new Set(["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]);
/** How often `torch.optim.swa_utils.AveragedModel` has averaged. */
const AVERAGED = "n_averaged";

/** The entry's name in the network that was wrapped, wherever in it that was done, and how often. */
export function bareName(name: string): string {
  const parts = name.split(".");
  return parts.filter((part, i) => i === parts.length - 1 || !WRAPPERS.has(part)).join(".");
}

/** The entries under their names in the network that was wrapped. Throws if two would have the same. */
export function withBareNames(stateDict: Readonly<StateDict>, where: string): StateDict {
  const bare = new Map<string, StoredTensor>();
  for (const [name, tensor] of Object.entries(stateDict)) {
    const own = bareName(name);
    if (own === AVERAGED) continue;
    check(!bare.has(own), where, `one entry for "${own}"`, `"${name}" besides another`);
    bare.set(own, tensor);
  }
  return Object.fromEntries(bare);
}
