import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import type { Workload } from "./workloads.js";

/** The base loss of samples `start` to `end - 1` of a batch that is made once. */
export function baseLoss({ batch, size }: Workload, network: cfd.Unet, params: cfd.Params) {
  const images = (seed: number) => {
    const seeds = Array.from({ length: batch }, (_, i) => seed + i);
    return cfd.noise(seeds, [size, size, 3]);
  };
  const [x0, eps] = [tf.tidy(() => tf.clipByValue<tf.Tensor4D>(images(0), -1, 1)), images(1000)];
  const times = Array.from({ length: batch }, (_, i) => (i + 1) / batch);
  const model = { denoiser: cfd.denoiser(network, params, "x0"), schedule: cfd.cosineSchedule() };
  return (start: number, end: number) => {
    const part = (of: tf.Tensor4D) => tf.slice(of, start, end - start);
    return cfd.denoisingLoss({ ...model, x0: part(x0), eps: part(eps), times: times.slice(start, end) });
  };
}
