// What the pages of this folder run: it starts wasm and computes with it, in the page or in a worker of it.
import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { useBackend, type BackendOptions, type BackendReport } from "cfd-distill";

/** What the page's address asks for, as JSON behind "#". */
export interface Wish extends BackendOptions {
  readonly inWorker?: boolean;
}

/** What is left in the page as `answer`. */
export interface Answer {
  readonly report: BackendReport;
  /** Of a convolution of ones by ones: 3 x 3 x 8 inside, 2 x 2 x 8 in the corners. */
  readonly most: number;
  readonly least: number;
}

async function compute(options: BackendOptions): Promise<Answer> {
  const report = await useBackend("wasm", options);
  const y = tf.tidy(() =>
    tf.conv2d(tf.ones<tf.Rank.R4>([1, 64, 64, 8]), tf.ones<tf.Rank.R4>([3, 3, 8, 32]), 1, "same"),
  );
  const sums = await y.data<"float32">();
  y.dispose();
  return {
    report,
    most: sums.reduce((a, b) => Math.max(a, b)),
    least: sums.reduce((a, b) => Math.min(a, b)),
  };
}

const { inWorker, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1))) as Wish;

async function computeInWorker(): Promise<Answer> {
  const script = document.querySelector("script")!.src;
  const worker = new Worker(`${script}#${encodeURIComponent(JSON.stringify(options))}`);
  return new Promise((resolve, reject) => {
    worker.onerror = reject;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      resolve(data);
    };
  });
}

const isPage = typeof document === "object";
void (inWorker ? computeInWorker() : compute(options)).then((answer) => {
  if (isPage) Object.assign(globalThis, { answer });
  else globalThis.postMessage(answer);
});
