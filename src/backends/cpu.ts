import * as tf from "@tensorflow/tfjs";
import { fail } from "../check.js";
import { filterGradient } from "./cpu/conv2d.js";
import { nearestNeighborGradient } from "./cpu/resize.js";
import { registerEngine, type Cure } from "./engine.js";
import { keepNaN, keepNaNInWindows, nanAs } from "./nan.js";

const losesNaN = (kernel: string, wrap: (stock: tf.KernelFunc) => tf.KernelFunc): Cure => ({
  kernel,
  why: "NaN becomes a number, or is passed over",
  build: (stock) => wrap(stock ?? fail("useBackend", "the stock kernel of cpu", "none")),
});

// The engine itself comes with @tensorflow/tfjs: nothing to load.
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
    losesNaN(tf.MaxPool, keepNaNInWindows),
    losesNaN(tf.MaxPoolGrad, nanAs("input", Infinity)),
    losesNaN(tf.Sign, keepNaN),
    losesNaN(tf.ArgMax, nanAs("x", Infinity)),
    losesNaN(tf.ArgMin, nanAs("x", -Infinity)),
  ],
});
