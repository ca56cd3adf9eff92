// A program that computes on the engine `node`, run by check-native.ts in a project that has the package from npm: the
// same numbers as wasm, also in turns with it and with cpu, memory that stays flat, and no second TensorFlow.
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";

const { device } = await cfd.useBackend("node");
if (device !== "TensorFlow 2.21.0") throw new Error(`expected TensorFlow 2.21.0, got ${device ?? "nothing"}`);

const rng = cfd.createRng(1);
const filter = tf.tensor4d(rng.normals(3 * 3 * 2 * 4), [3, 3, 2, 4]);
const image = tf.tensor4d(rng.normals(2 * 7 * 6 * 2), [2, 7, 6, 2]);
const paddings = ["same", "valid", 2, [[0, 0], [2, 0], [1, 2], [0, 0]]] as const; // prettier-ignore

/** A strided convolution under each padding, and its gradients. */
async function convolutions(): Promise<number[]> {
  const results = paddings.flatMap((padding) => {
    const convolve = (x: tf.Tensor, w: tf.Tensor) =>
      tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, padding as "same", "NHWC", 1, typeof padding === "number" ? "floor" : undefined); // prettier-ignore
    const gradients = tf.grads((x, w) => tf.sum(tf.sin(convolve(x, w))))([image, filter]);
    return [convolve(image, filter), ...gradients];
  });
  const values = await Promise.all(results.map((result) => result.data()));
  tf.dispose(results);
  return values.flatMap((each) => [...each]);
}

/** The losses of five training steps of a small U-Net. */
async function train(): Promise<number[]> {
  const network = cfd.unet({
    channels: 8,
    multipliers: [1, 2],
    attention: [1],
    blocks: 1,
    groups: 4,
    timeScale: 8,
  });
  const params = network.init(cfd.createRng(2));
  const denoiser = cfd.denoiser(network, params, "x0");
  const optimizer = cfd.adam({ learningRate: 1e-3 });
  const [x0, eps] = [cfd.noise([1, 2], [8, 8, 3]), cfd.noise([3, 4], [8, 8, 3])];
  const batch = { denoiser, schedule: cfd.cosineSchedule(), x0, eps, times: [0.4, 0.8] };
  const losses: number[] = [];
  for (let step = 0; step < 5; step++) {
    const { terms, grads } = cfd.valueAndGrads(() => cfd.denoisingLoss(batch), params);
    optimizer.apply(params, grads);
    losses.push((await terms.loss.data())[0]!);
    tf.dispose([terms, grads]);
  }
  optimizer.dispose();
  tf.dispose([params, x0, eps]);
  return losses;
}

const work = async () => [...(await convolutions()), ...(await train())];
const [onNode, tensors] = [await work(), tf.memory().numTensors];
for (const engine of ["wasm", "node", "cpu", "node"] as const) {
  await cfd.useBackend(engine);
  const values = await work();
  const error = Math.max(
    ...values.map((value, i) => Math.abs(value - onNode[i]!) / Math.max(1, Math.abs(value))),
  );
  if (!(error <= (engine === "node" ? 0 : 2e-5))) throw new Error(`${engine} differs from node by ${error}`);
  if (tf.memory().numTensors !== tensors)
    throw new Error(`${engine} left ${tf.memory().numTensors - tensors} tensors`);
}
const refusal = await cfd.useBackend("cuda").then(
  () => "none",
  (error: unknown) => (error as Error).message,
);
if (!refusal.includes("cuda in a process that has not loaded another TensorFlow")) throw new Error(refusal);
console.log(`loss ${onNode.at(-1)!.toFixed(6)} on ${device}`);
