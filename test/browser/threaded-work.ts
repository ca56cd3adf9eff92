// Numbers to which every thread has contributed, for pages and workers to compare.
import * as tf from "@tensorflow/tfjs";
import {
  adam,
  clipByGlobalNorm,
  cosineSchedule,
  createRng,
  denoiser,
  denoisingLoss,
  disposeParams,
  noise,
  sampleDdim,
  unet,
  valueAndGrads,
} from "cfd-distill";

/** Numbers by name. */
export type Numbers = Readonly<Record<string, readonly number[]>>;

async function read(tensors: Readonly<Record<string, tf.Tensor>>): Promise<Numbers> {
  const entries = Object.entries(tensors).map(
    async ([name, x]) => [name, Array.from(await x.data<"float32">())] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** A convolution with its gradients, and a product. */
export async function operations(): Promise<Numbers> {
  const x = tf.randomUniform<tf.Rank.R4>([2, 20, 20, 16], -1, 1, "float32", 1);
  const w = tf.randomUniform<tf.Rank.R4>([3, 3, 16, 32], -1, 1, "float32", 2);
  const convolution = (a: tf.Tensor, b: tf.Tensor) =>
    tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, "same");
  const y = convolution(x, w);
  const [dx, dw] = tf.grads(convolution)([x, w], y);
  const rows = tf.reshape<tf.Rank.R2>(y, [800, 32]);
  const product = tf.matMul(rows, tf.ones<tf.Rank.R2>([32, 64]));
  const numbers = await read({ y, dx: dx!, dw: dw!, product });
  tf.dispose([x, w, y, dx!, dw!, rows, product]);
  return numbers;
}

const network = unet({
  ...{ channels: 16, multipliers: [1, 2], attention: [1], blocks: 1, groups: 4 },
  timeScale: 8,
});
const schedule = cosineSchedule();

/** What three steps of training make of a small U-Net, and what it draws then. */
export async function training(): Promise<Numbers> {
  const params = network.init(createRng(1));
  const model = denoiser(network, params, "x0");
  const optimizer = adam({ learningRate: 1e-3 });
  const [x0, eps] = [noise([1, 2], [16, 16, 3]), noise([3, 4], [16, 16, 3])];
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    const loss = () => denoisingLoss({ denoiser: model, schedule, x0, eps, times: [0.3, 0.7] });
    const { terms, grads } = valueAndGrads(loss, params);
    const clipped = clipByGlobalNorm(grads, 1);
    optimizer.apply(params, clipped.grads);
    losses.push((await terms.loss.data())[0]!);
    tf.dispose([terms, grads, clipped]);
  }
  const images = await sampleDdim(model, schedule, x0, { steps: 2 });
  const numbers = { losses, ...(await read({ images, ...params })) };
  tf.dispose([x0, eps, images]);
  disposeParams(params);
  optimizer.dispose();
  return numbers;
}
