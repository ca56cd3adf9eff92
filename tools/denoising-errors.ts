// How far off a denoiser's x0 is, by how much noise it is shown.
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { imageBatch, type ImageSet } from "cfd-distill/data";

/** Pictures at once. */
const BATCH = 50;

/**
 * The errors of x0, root mean square in [-1, 1], that a model makes on pictures with noise, `atMost` so many, at each of
 * the times; with averaged weights if it has them. Picture i has the noise of seed i.
 *
 * @param model a checkpoint's bytes
 */
export async function denoisingErrors(
  model: Uint8Array,
  pictures: ImageSet,
  { times, atMost = Infinity }: { readonly times: readonly number[]; readonly atMost?: number },
): Promise<number[]> {
  const { network, params, ema, schedule, predictionType } = cfd.decodeCheckpoint(model);
  const denoiser = cfd.denoiser(network, ema ?? params, predictionType);
  const all = [...pictures.labels.keys()].slice(0, atMost);
  const squares = times.map(() => 0);
  for (let first = 0; first < all.length; first += BATCH) {
    const chosen = all.slice(first, first + BATCH);
    const batch = imageBatch(pictures, chosen);
    const eps = cfd.noise(chosen, pictures.shape);
    for (const [i, time] of times.entries()) {
      const terms = cfd.denoisingLoss({ denoiser, schedule, ...batch, eps, times: chosen.map(() => time), weighting: "x0" }); // prettier-ignore
      squares[i]! += chosen.length * (await terms.x0Mse.data())[0]!;
      tf.dispose(terms);
    }
    tf.dispose([batch.x0, eps]);
  }
  for (const weights of [params, ema]) if (weights) cfd.disposeParams(weights);
  return squares.map((sum) => Math.sqrt(sum / all.length));
}
