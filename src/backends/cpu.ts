import * as tf from "../tfjs.js";
import "@tensorflow/tfjs-backend-cpu";
import { fail } from "../check.js";
import { filterGradient } from "./cpu/conv2d.js";
import { nearestNeighborGradient } from "./cpu/resize.js";
import { registerEngine } from "./engine.js";
import { losingNaN } from "./nan.js";

registerEngine({
  name: "cpu",
  version: tf.version_core,
  cures: () => [
    {
      kernel: tf.Conv2DBackpropFilter,
      why: "seventy times as fast as the stock kernel",
      build: (stock) => filterGradient(stock ?? fail("useBackend", "the stock kernel of cpu", "none")),
    },
    {
      kernel: tf.ResizeNearestNeighborGrad,
      why: "wrong for more than one sample, NaN where the image shrinks",
      build: () => nearestNeighborGradient,
    },
    ...losingNaN,
  ],
});
