import * as tf from "../../../tfjs.js";
import { fusedOf } from "./activation.js";
import { address, kernel, sizeOf, withAlias, type WasmBackend } from "../memory/heap.js";

export interface Transposes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/**
 * tf.matMul. The stock kernel is fast for one plain product only, and XNNPACK keeps the packed right-hand side by
 * the tensor's id without its shape, so that a reshaped tensor gives stale numbers. Here transposes are made, and
 * each product of a batch runs on its own under an id that is used once, so nothing stale can be found.
 */
export const matMul: tf.KernelFunc = kernel<Transposes>(({ a, b }, backend, attrs) => {
  if (a!.dtype !== "float32" || b!.dtype !== "float32") {
    throw new Error(`matMul: expected float32 on wasm, got ${a!.dtype} and ${b!.dtype}.`);
  }
  const { transposeA, transposeB } = attrs;
  const outer = tf.backend_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
  return tf.tidy(() => {
    const left = matrices(a!, outer, transposeA);
    const right = matrices(b!, outer, transposeB);
    tf.util.assert(left.shape[2] === right.shape[1], () => "matMul: expected equal inner sizes.");
    const shape = [...outer, left.shape[1], right.shape[2]];
    if (sizeOf(shape) * left.shape[2] === 0) return tf.zeros(shape);
    const out = tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, "float32"));
    multiply(backend, left, right, out);
    return out;
  });
});

/** The tensor as [batch, rows, columns], transposed if asked; batch is 1 or that of `outer`. */
function matrices(x: tf.TensorInfo, outer: readonly number[], transposed: boolean): tf.Tensor3D {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const batch = sizeOf(x.shape.slice(0, -2));
  const whole = batch === 1 || batch === sizeOf(outer);
  const full = whole
    ? (x as unknown as tf.Tensor)
    : tf.broadcastTo(x as unknown as tf.Tensor, [...outer, rows, columns]);
  const flat: tf.Tensor3D = tf.reshape(full, [whole ? batch : sizeOf(outer), rows, columns]);
  return transposed ? tf.transpose(flat, [0, 2, 1]) : flat;
}

/** out = left right, one product for each right-hand side. */
function multiply(backend: WasmBackend, left: tf.Tensor3D, right: tf.Tensor3D, out: tf.Tensor): void {
  const product = productOf(backend);
  const [, inner, columns] = right.shape;
  const products = right.shape[0];
  // One right-hand side for a whole batch: its rows are those of one tall matrix.
  const rows = out.size / columns / products;
  const leftStep = left.shape[0] === 1 && products > 1 ? 0 : rows * inner;
  for (let i = 0; i < products; i++) {
    const [leftAt, rightAt, outAt] = [
      address(backend, left) + 4 * i * leftStep,
      address(backend, right) + 4 * i * inner * columns,
      address(backend, out) + 4 * i * rows * columns,
    ];
    withAlias(backend, leftAt, rows * inner, (l) => {
      withAlias(backend, rightAt, inner * columns, (r) => {
        withAlias(backend, outAt, rows * columns, (o) => {
          product(l, bytes([1, rows, inner]), 3, r, bytes([1, inner, columns]), 3, 0, 0, o);
        });
      });
    });
  }
}

const bytes = (shape: readonly number[]) => new Uint8Array(new Int32Array(shape).buffer);

const products = new WeakMap<WasmBackend, (...values: unknown[]) => void>();

/** The engine's C++ function behind the stock kernel. */
function productOf(backend: WasmBackend): (...values: unknown[]) => void {
  const known = products.get(backend);
  if (known !== undefined) return known;
  const [n, a] = ["number", "array"];
  const product = backend.wasm.cwrap(tf.BatchMatMul, null, [n, a, n, n, a, n, n, n, n]);
  products.set(backend, product);
  return product;
}

export interface FusedAttributes extends Transposes {
  readonly activation: string;
}

/** tf.fused.matMul out of its parts: the stock one is wrong with a bias and a transpose or a batch. */
export const fusedMatMul = fusedOf(({ a, b }, { transposeA, transposeB }: Transposes) =>
  tf.matMul(a!, b!, transposeA, transposeB),
);
