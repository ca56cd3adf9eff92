import * as tf from "@tensorflow/tfjs";
import { createRng, type Params, type Unet } from "cfd-distill";
import { values } from "../conformance/values.js";

/** Weights of which none is zero, so that every part of a U-Net shows in its output. */
export function livelyParams(network: Unet): Params {
  const params = network.init(createRng(0));
  for (const [name, variable] of Object.entries(params)) {
    const [offset, scale] = /(norm|block\d\.0|tail\.0)\.weight$/.test(name) ? [1, 0.3] : [0, 0.25];
    tf.tidy(() => {
      variable.assign(tf.tensor(values(`onnx/${name}`, variable.shape, scale, offset), variable.shape));
    });
  }
  return params;
}
