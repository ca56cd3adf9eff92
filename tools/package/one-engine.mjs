// Run by check-pack.ts where this package lies beside others of TensorFlow.js: whoever imports or requires it gets the one
// engine that computes here. The arguments are modules to be imported first.
import { createRequire } from "node:module";

for (const name of process.argv.slice(2)) await import(name);
const { noise, useBackend } = await import("cfd-distill");
const imported = await import("@tensorflow/tfjs");
const required = createRequire(import.meta.url)("@tensorflow/tfjs");

await useBackend("wasm");
const image = noise([1], [2, 2, 3]);
for (const [how, tf] of Object.entries({ imported, required })) {
  const got = `${tf.getBackend()}, ${tf.memory().numTensors} tensors`;
  if (got !== "wasm, 1 tensors" || !(image instanceof tf.Tensor))
    throw new Error(`@tensorflow/tfjs, ${how}: expected this library's engine, got another: ${got}`);
}
console.log("one engine");
