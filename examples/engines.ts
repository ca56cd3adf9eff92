// The same training step on an engine of your choice.
//   npx tsx examples/engines.ts [wasm | cpu | node | cuda | webgpu]
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";

const name = (process.argv[2] ?? "wasm") as cfd.BackendName;
const engine = await cfd.useBackend(name); // throws, saying why, if that engine cannot run here
console.log(engine);

const network = cfd.unet({
  channels: 16,
  multipliers: [1, 2],
  attention: [1],
  blocks: 1,
  groups: 8,
  timeScale: 8,
});
const params = network.init(cfd.createRng(0));
const model = cfd.denoiser(network, params, "x0");
const optimizer = cfd.adam({ learningRate: 1e-3 });
const x0 = cfd.noise([1, 2, 3, 4], [16, 16, 3]);
const eps = cfd.noise([5, 6, 7, 8], [16, 16, 3]);
const batch = { x0, eps, times: [0.2, 0.4, 0.6, 0.8], schedule: cfd.cosineSchedule() };
for (let step = 0; step < 5; step++) {
  const started = performance.now();
  const { terms, grads } = cfd.valueAndGrads(() => cfd.denoisingLoss({ denoiser: model, ...batch }), params);
  const clipped = cfd.clipByGlobalNorm(grads, Infinity); // which only measures
  const { loss } = await cfd.readTerms({ ...terms, norm: clipped.norm }, { step }); // the same on every engine, to six digits
  optimizer.apply(params, clipped.grads);
  console.log(`step ${step}: loss ${loss.toFixed(5)}, ${(performance.now() - started).toFixed(0)} ms`);
  tf.dispose([terms, grads, clipped]);
}
