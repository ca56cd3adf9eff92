import * as tf from "../tfjs.js";
import type { Params } from "../types.js";
import { kaimingNormalFanOut, zeros } from "./initialisers.js";
import { param, type ParamSpecs } from "./params.js";

/** A convolution with its batch norm folded in, and ReLU. Those with stride 2 and those of the stem have no padding. */
export interface Conv {
  readonly kind: "conv";
  readonly name: string;
  readonly out: number;
  readonly size: readonly [height: number, width: number];
  readonly stride: 1 | 2;
  readonly padding: "same" | "valid";
}

/** Pooling over 3x3; "half" takes every other place, without padding. */
export interface Pool {
  readonly kind: "average" | "max" | "half";
}

/** Branches that all see the input; their outputs are concatenated. */
export interface Fork {
  readonly kind: "fork";
  readonly branches: readonly (readonly Layer[])[];
}

export type Layer = Conv | Pool | Fork;

/** The weights of layers behind `widthIn` channels, and the channels that come out. */
export function layerSpecs(layers: readonly Layer[], widthIn: number): { specs: ParamSpecs; width: number } {
  let [specs, width]: [ParamSpecs, number] = [{}, widthIn];
  for (const layer of layers) {
    const found = specsOf(layer, width);
    specs = { ...specs, ...found.specs };
    width = found.width;
  }
  return { specs, width };
}

function specsOf(layer: Layer, widthIn: number): { specs: ParamSpecs; width: number } {
  if (layer.kind === "conv") {
    const weight = { shape: [...layer.size, widthIn, layer.out], initialise: kaimingNormalFanOut };
    const bias = { shape: [layer.out], initialise: zeros };
    return { specs: { [`${layer.name}.weight`]: weight, [`${layer.name}.bias`]: bias }, width: layer.out };
  }
  if (layer.kind !== "fork") return { specs: {}, width: widthIn };
  const branches = layer.branches.map((branch) => layerSpecs(branch, widthIn));
  const specs = Object.fromEntries(branches.flatMap((branch) => Object.entries(branch.specs)));
  return { specs, width: branches.reduce((sum, { width }) => sum + width, 0) };
}

/** Runs layers one behind the other; disposes what lies between them. */
export function runLayers(layers: readonly Layer[], params: Params, x: tf.Tensor4D): tf.Tensor4D {
  let h = x;
  for (const layer of layers) {
    const next = tf.tidy(() => runLayer(layer, params, h));
    if (h !== x) h.dispose();
    h = next;
  }
  return h;
}

function runLayer(layer: Layer, params: Params, x: tf.Tensor4D): tf.Tensor4D {
  switch (layer.kind) {
    case "conv": {
      const filter = param(params, `${layer.name}.weight`) as tf.Tensor as tf.Tensor4D;
      const bias = param(params, `${layer.name}.bias`);
      const { stride: strides, padding: pad } = layer;
      return tf.fused.conv2d({ x, filter, strides, pad, bias, activation: "relu" });
    }
    case "average":
      return tf.avgPool(x, 3, 1, "same"); // divides by the pixels that are there, not by 9
    case "max":
      return tf.maxPool(x, 3, 1, "same");
    case "half":
      return tf.maxPool(x, 3, 2, "valid");
    case "fork":
      return tf.concat(
        layer.branches.map((branch) => runLayers(branch, params, x)),
        3,
      );
    default:
      return layer satisfies never;
  }
}
