import * as tf from "../../../tfjs.js";
import { FLOAT, address, kernel, sizeOf, type WasmBackend } from "../memory/heap.js";
import { PASS, run } from "../threads/jobs.js";
import { loadedKernels } from "../load-kernels.js";

// The stock Slice copies its whole input out of the heap before it takes its part, and Concat, SplitV, Unpack and
// Tile go element by element or row by row. Here all of them are block copies within the heap.

/** One block copy, repeated over two nested loops: strides in elements. */
interface Copies {
  readonly rows: number;
  readonly block: number;
  readonly fromStride: number;
  readonly toStride: number;
}

/** Bytes of a unit, as in kernels/copy.ts. */
const PIECE = 16384;

/** Copies `rows` blocks between addresses in the heap; `width` is the bytes of one element. */
function copyRows(backend: WasmBackend, from: number, to: number, width: number, copies: Copies): void {
  if (loadedKernels(backend) === undefined) {
    copyAlone(backend, from, to, width, copies);
    return;
  }
  const { rows, block, fromStride, toStride } = copies;
  const bytes = block * width;
  const job = { units: rows * Math.ceil(bytes / PIECE), work: (PASS / FLOAT) * Math.min(PIECE, bytes) };
  run(backend, "copyRows", job, from, to, bytes, fromStride * width, toStride * width);
}

/** Where the kernels cannot run. */
function copyAlone(backend: WasmBackend, from: number, to: number, width: number, copies: Copies): void {
  const { rows, block, fromStride, toStride } = copies;
  const heap = backend.wasm.HEAPU8;
  if (width === 4 && block <= 16) {
    const words = new Int32Array(heap.buffer); // words, not floats: they keep every bit of a NaN
    let source = from >>> 2;
    let target = to >>> 2;
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < block; i++) words[target + i] = words[source + i]!;
      source += fromStride;
      target += toStride;
    }
    return;
  }
  const bytes = block * width;
  for (let row = 0; row < rows; row++) {
    const source = from + row * fromStride * width;
    heap.copyWithin(to + row * toStride * width, source, source + bytes);
  }
}

/** Copies the box at `begin` of size `size` out of a tensor of shape `shape`, into adjacent elements at `to`. */
function copyBox(
  backend: WasmBackend,
  [from, to]: readonly [number, number],
  width: number,
  box: { shape: readonly number[]; begin: readonly number[]; size: readonly number[] },
): void {
  // Trailing axes taken whole belong to the block; the axis before them is its last.
  let axis = box.shape.length - 1;
  while (axis > 0 && box.size[axis] === box.shape[axis]) axis--;
  const inner = sizeOf(box.shape.slice(axis + 1));
  const block = inner * (box.size[axis] ?? 1);
  const rowStride = inner * (box.shape[axis] ?? 1);
  // Axes before it that are taken whole follow each other row by row.
  let rowAxis = axis - 1;
  while (rowAxis > 0 && box.size[rowAxis] === box.shape[rowAxis]) rowAxis--;
  const rows = rowAxis >= 0 ? sizeOf(box.size.slice(rowAxis, axis)) : 1;
  const strides = box.shape.map((_, i) => sizeOf(box.shape.slice(i + 1)));
  const outer = sizeOf(box.size.slice(0, Math.max(rowAxis, 0)));
  for (let index = 0; index < outer; index++) {
    let rest = index;
    let offset = box.begin.reduce((sum, first, i) => sum + first * strides[i]!, 0);
    for (let i = rowAxis - 1; i >= 0; i--) {
      offset += (rest % box.size[i]!) * strides[i]!;
      rest = Math.floor(rest / box.size[i]!);
    }
    const target = to + index * rows * block * width;
    copyRows(backend, from + offset * width, target, width, {
      rows,
      block,
      fromStride: rowStride,
      toStride: block,
    });
  }
}

function replaceAt(shape: readonly number[], axis: number, size: number): number[] {
  return shape.map((old, i) => (i === axis ? size : old));
}

function take(
  backend: WasmBackend,
  x: tf.TensorInfo,
  begin: readonly number[],
  size: readonly number[],
): tf.TensorInfo {
  const out = backend.makeOutput(size, x.dtype);
  if (sizeOf(size) === 0) return out;
  const ends = [address(backend, x), address(backend, out)] as const;
  copyBox(backend, ends, tf.util.bytesPerElement(x.dtype), { shape: x.shape, begin, size });
  return out;
}

interface SliceAttributes {
  readonly begin: number | number[];
  readonly size: number | number[];
}

interface AxisAttribute {
  readonly axis: number;
}

interface SplitAttributes extends AxisAttribute {
  readonly numOrSizeSplits: number | number[];
}

/** tf.slice. */
export function slice(stock: tf.KernelFunc): tf.KernelFunc {
  const own = kernel<SliceAttributes>(({ x }, backend, { begin, size }) => {
    const [first, sizes] = tf.slice_util.parseSliceParams(x!, begin, size) as [number[], number[]];
    tf.slice_util.assertParamsValid(x!, first, sizes);
    return take(backend, x!, first, sizes);
  });
  return (call) => (call.inputs.x!.dtype === "string" ? stock(call) : own(call));
}

/** tf.split. */
export function split(stock: tf.KernelFunc): tf.KernelFunc {
  const own = kernel<SplitAttributes>(({ x }, backend, { numOrSizeSplits, axis }) => {
    const along = tf.util.parseAxisParam(axis, x!.shape)[0]!;
    const begin = x!.shape.map(() => 0);
    return tf.backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits, along).map((part) => {
      const out = take(backend, x!, begin, replaceAt(x!.shape, along, part));
      begin[along]! += part;
      return out;
    });
  });
  return (call) => (call.inputs.x!.dtype === "string" ? stock(call) : own(call));
}

/** tf.unstack, and so the gradient of tf.stack. */
export function unstack(stock: tf.KernelFunc): tf.KernelFunc {
  const own = kernel<AxisAttribute>(({ value }, backend, { axis }) => {
    const along = tf.util.parseAxisParam(axis, value!.shape)[0]!;
    const size = replaceAt(value!.shape, along, 1);
    const shape = value!.shape.filter((_, i) => i !== along);
    return Array.from({ length: value!.shape[along]! }, (_, i) => ({
      ...take(
        backend,
        value!,
        value!.shape.map((__, j) => (j === along ? i : 0)),
        size,
      ),
      shape,
    }));
  });
  return (call) => (call.inputs.value!.dtype === "string" ? stock(call) : own(call));
}

/** tf.concat: each input becomes a column of blocks in the output. */
export function concat(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const inputs = call.inputs as unknown as readonly tf.TensorInfo[];
    const filled = inputs.filter((input) => sizeOf(input.shape) > 0);
    if (filled.length < 2 || inputs[0]!.dtype === "string") return stock(call);
    const backend = call.backend as WasmBackend;
    const axis = tf.util.parseAxisParam((call.attrs as unknown as AxisAttribute).axis, inputs[0]!.shape)[0]!;
    const shapes = inputs.map((input) => input.shape);
    tf.backend_util.assertParamsConsistent(shapes, axis);
    const out = backend.makeOutput(tf.backend_util.computeOutShape(shapes, axis), inputs[0]!.dtype);
    const width = tf.util.bytesPerElement(out.dtype);
    const rows = sizeOf(out.shape.slice(0, axis));
    const toStride = sizeOf(out.shape.slice(axis));
    let to = address(backend, out);
    for (const input of filled) {
      const block = sizeOf(input.shape.slice(axis));
      copyRows(backend, address(backend, input), to, width, { rows, block, fromStride: block, toStride });
      to += block * width;
    }
    return out;
  };
}

/** tf.tile, from the last axis to the first: every block of an axis is written `reps` times. */
export function tile(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const x = call.inputs.x!;
    const { reps } = call.attrs as unknown as { reps: readonly number[] };
    const backend = call.backend as WasmBackend;
    if (x.dtype === "string" || sizeOf(x.shape) * sizeOf(reps) === 0) return stock(call);
    return tf.tidy(() => {
      let tiled = tf.clone(x as unknown as tf.Tensor);
      for (let axis = x.shape.length - 1; axis >= 0; axis--) {
        if (reps[axis] !== 1) tiled = repeat(backend, tiled, axis, reps[axis]!);
      }
      return tiled;
    });
  };
}

function repeat(backend: WasmBackend, x: tf.Tensor, axis: number, times: number): tf.Tensor {
  const shape = replaceAt(x.shape, axis, x.shape[axis]! * times);
  const out = backend.makeOutput(shape, x.dtype);
  const width = tf.util.bytesPerElement(x.dtype);
  const rows = sizeOf(x.shape.slice(0, axis));
  const block = sizeOf(x.shape.slice(axis));
  const copies = { rows, block, fromStride: block, toStride: block * times };
  for (let time = 0; time < times; time++) {
    const to = address(backend, out) + time * block * width;
    copyRows(backend, address(backend, x), to, width, copies);
  }
  return tf.engine().makeTensorFromTensorInfo(out);
}
