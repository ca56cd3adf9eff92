import type * as tf from "../tfjs.js";
import type { StateDict } from "../formats/state-dict.js";

/** Named tensors as host copies; they are read in one go, so a later update does not mix in. */
export async function readTensors(tensors: Readonly<Record<string, tf.Tensor>>): Promise<StateDict> {
  const read = Object.entries(tensors).map(async ([name, tensor]) => {
    const data = Float32Array.from(await tensor.data());
    return [name, { dtype: "F32", shape: [...tensor.shape], data }] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}
