import * as tf from "@tensorflow/tfjs";

/** An operation that engines may have one kernel for, in place of the kernels it is made of. */
export interface Fused {
  /** The name it would be registered under. */
  readonly kernel: string;
  readonly attrs: Readonly<Record<string, number | boolean>>;
}

/** Whether the engine that runs has the kernel, and these inputs are of its kind. */
export function canFuse({ kernel }: Fused, inputs: readonly tf.Tensor[]): boolean {
  return (
    tf.getKernel(kernel, tf.getBackend()) !== undefined && inputs.every(({ dtype }) => dtype === "float32")
  );
}

/** Runs the kernel on named inputs. */
export function runFused(
  { kernel, attrs }: Fused,
  inputs: Readonly<Record<string, tf.Tensor>>,
): [tf.Tensor, ...tf.Tensor[]] {
  const outputs: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(kernel, inputs, attrs);
  return [outputs].flat() as [tf.Tensor, ...tf.Tensor[]];
}

/** Runs the kernel where it can, and else the composition. */
export function runFusedOr(
  fused: Fused,
  inputs: Readonly<Record<string, tf.Tensor>>,
  composed: () => readonly tf.Tensor[],
): readonly tf.Tensor[] {
  return canFuse(fused, Object.values(inputs)) ? runFused(fused, inputs) : composed();
}

/** Names for a kernel's inputs: `${name}0`, `${name}1` and so on. */
export function numbered(name: string, tensors: readonly tf.Tensor[]): Record<string, tf.Tensor> {
  return Object.fromEntries(tensors.map((tensor, i) => [`${name}${i}`, tensor]));
}
