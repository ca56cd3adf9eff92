import * as tf from "../../../tfjs.js";
import { kernel, type WasmBackend } from "../memory/heap.js";

/** The tensor's data under another shape: nothing ever writes into data that exists, so nobody needs a copy. */
export function view(
  backend: WasmBackend,
  { dataId, dtype, shape }: tf.TensorInfo,
  as: readonly number[] = shape,
): tf.TensorInfo {
  backend.incRef(dataId);
  return { dataId, dtype, shape: [...as] };
}

/** tf.clone, also of each tensor that is kept for a gradient. */
export function identity(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) =>
    kernel(({ x }, backend) => (x!.dtype === "string" ? stock(call) : view(backend, x!)))(call);
}

/**
 * tf.cast, also of each gradient that passes a clone: mostly to the type that it has. The stock kernel cuts a number down to
 * a byte to make a truth value of it.
 */
export function cast(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) =>
    kernel<{ readonly dtype: tf.DataType }>(({ x }, backend, { dtype }) => {
      if (x!.dtype === dtype) return view(backend, x!);
      const truth = dtype === "bool" && ["float32", "int32"].includes(x!.dtype);
      return truth ? tf.notEqual(x as tf.Tensor, tf.zerosLike(x as tf.Tensor)) : stock(call);
    })(call);
}
