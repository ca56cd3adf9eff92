// Run by `install-native` in a process of its own: loads a build, trains one step, and says in a line what computed.
import * as tf from "../../tfjs.js";
import { check } from "../../check.js";
import type { NativeBuild } from "./folder.js";
import { loadNative, nativeBackend, tensorflowVersion } from "./load.js";

const build = process.argv[2] as NativeBuild;
loadNative(build);
await tf.setBackend("tensorflow");

// The mean of (4 w - 1)^2 inside, less at the border, over w = 0: its gradient leads to a smaller loss.
const filter = tf.variable(tf.zeros<tf.Rank.R4>([2, 2, 1, 3]));
const loss = () =>
  tf.mean(tf.square(tf.sub(tf.conv2d(tf.ones<tf.Rank.R4>([2, 8, 8, 1]), filter, 1, "same"), 1))).asScalar();
const { value, grads } = tf.variableGrads(loss, [filter]);
filter.assign(tf.sub(filter, tf.mul(Object.values(grads)[0]!, 0.1)));
const [before, after] = [await value.data(), await loss().data()].map(([number]) => number) as [
  number,
  number,
];
check(before === 1 && after < 0.9, "install-native", "a training step from a loss of 1 to below 0.9", [
  before,
  after,
]);

const gpu = nativeBackend()?.isUsingGpuDevice === true;
const where = gpu ? "on a GPU" : build === "cuda" ? "on CPUs, for want of a GPU that it can use," : "on CPUs";
console.log(`TensorFlow ${tensorflowVersion()} trains ${where} under Node ${process.versions.node}`);
