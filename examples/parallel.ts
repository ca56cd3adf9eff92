// Base training and sampling on two cores: a loop of your own, whose gradients come from two worker threads. Seconds.
//   npx tsx examples/parallel.ts
// The other half is parallel-replica.ts: what each worker computes.
import * as tf from "@tensorflow/tfjs";
import {
  adam,
  clipByGlobalNorm,
  connectReplicas,
  createRng,
  disposeParams,
  readTerms,
  unet,
  useBackend,
} from "cfd-distill";
import { startWorkers } from "cfd-distill/node";
import type { Input, Setup } from "./parallel-replica.js";

await useBackend("wasm"); // this thread updates the weights; the workers choose their engine themselves
const network = unet({
  channels: 8,
  multipliers: [1, 2],
  attention: [1],
  blocks: 1,
  groups: 4,
  timeScale: 4,
});
const rng = createRng(0);
const params = network.init(rng.fork("weights"));
const optimizer = adam({ learningRate: 1e-3 });

// In a page: new Worker(new URL("./parallel-replica.js", import.meta.url), { type: "module" })
const workers = startWorkers(new URL("./parallel-replica.mjs", import.meta.url), 2);
const setup: Setup = { network: network.config };
const replicas = await connectReplicas<Input>(workers, setup);

for (let step = 0; step < 10; step++) {
  // Each worker draws the same batch from this stream and takes its share of it.
  const input = { rng: rng.fork(step).state() };
  const { terms, grads } = await replicas.valueAndGrads(params, input, 8);
  const clipped = clipByGlobalNorm(grads, 1);
  optimizer.apply(params, clipped.grads);
  console.log(step, (await readTerms(terms, { step })).loss);
  tf.dispose([terms, grads, clipped]);
}

const samples = await replicas.outputs(params, { seeds: [100, 101, 102, 103] }, 4);
console.log("samples", samples.shape);
samples.dispose();

await replicas.close();
await Promise.all(workers.map((worker) => worker.terminate()));
disposeParams(params);
optimizer.dispose();
