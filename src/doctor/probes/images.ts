import * as tf from "../../tfjs.js";
import { negative, normal, positive, type Input, type Probe } from "../probe.js";
import { at, build, sum, type Values } from "../values.js";

interface Pooling {
  readonly size: number;
  readonly stride: number;
  readonly padding: "same" | "valid";
}

/** `of` the pixels under each window that lie in the image. */
function pooled(x: Values, { size, stride, padding }: Pooling, of: (values: number[]) => number): Values {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const outputs = (length: number) => Math.ceil((padding === "same" ? length : length - size + 1) / stride);
  const before = (length: number) =>
    padding === "same" ? Math.floor(Math.max(0, (outputs(length) - 1) * stride + size - length) / 2) : 0;
  const pixels = (length: number, i: number) =>
    Array.from({ length: size }, (_, k) => i * stride - before(length) + k).filter(
      (p) => p >= 0 && p < length,
    );
  return build([batch, outputs(height), outputs(width), channels], (b, i, j, c) =>
    of(pixels(height, i).flatMap((row) => pixels(width, j).map((column) => at(x, b, row, column, c)))),
  );
}

function averages(operation: string, pooling: Pooling): Probe {
  const { size, stride, padding } = pooling;
  return {
    operation,
    inputs: { x: normal(2, 5, 6, 3) },
    run: (x: tf.Tensor4D) => tf.avgPool(x, size, stride, padding),
    reference: (x) => pooled(x, pooling, (values) => sum(values.length, (i) => values[i]!) / values.length),
    larger: { shapes: [[4, 32, 32, 16]] },
  };
}

function maxima(operation: string, pooling: Pooling, x: Input): Probe {
  const { size, stride, padding } = pooling;
  return {
    operation,
    inputs: { x },
    run: (input: tf.Tensor4D) => tf.maxPool(input, size, stride, padding),
    reference: (input) => pooled(input, pooling, (values) => Math.max(...values)),
    larger: { shapes: [[4, 32, 32, 16]] },
  };
}

/** Every pixel four times, or every fourth one. */
function nearest(operation: string, scale: number): Probe {
  return {
    operation,
    inputs: { x: normal(2, 4, 2, 3) },
    run: (x: tf.Tensor4D) => tf.image.resizeNearestNeighbor(x, [x.shape[1] * scale, x.shape[2] * scale]),
    reference: (x) => {
      const [batch, height, width, channels] = x.shape as [number, number, number, number];
      return build([batch, height * scale, width * scale, channels], (b, i, j, c) =>
        at(x, b, Math.floor(i / scale), Math.floor(j / scale), c),
      );
    },
    larger: { shapes: [[4, 16, 16, 16]] },
  };
}

const halving: Pooling = { size: 2, stride: 2, padding: "valid" };
const overlapping: Pooling = { size: 3, stride: 2, padding: "same" };

export const images: readonly Probe[] = [
  averages("avgPool", halving),
  averages("avgPool, overlapping", { ...overlapping, padding: "valid" }),
  maxima("maxPool", halving, positive(2, 5, 6, 3)),
  maxima("maxPool of negative numbers", overlapping, negative(2, 5, 6, 3)),
  nearest("resizeNearestNeighbor, larger", 2),
  nearest("resizeNearestNeighbor, smaller", 0.5),
];
