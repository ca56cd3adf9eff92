// Loads the model and draws, so that the page itself never waits.
import { loadGenerator, useBackend, type BackendReport, type Generator } from "cfd-distill";
import type { Answer, Start, Wish } from "./messages.js";

const answer = (message: Answer) => {
  postMessage(message);
};

addEventListener("message", ({ data }: MessageEvent<Start>) => void start(data), { once: true });

async function start({ canvas, model }: Start): Promise<void> {
  const report = await attempt("start", () => useBackend("wasm"));
  const onProgress = (progress: { loaded: number; total?: number }) => {
    answer({ type: "loading", ...progress });
  };
  const generator =
    report && (await attempt("load", () => loadGenerator(model, { onProgress, cache: true })));
  if (!generator) return;
  addEventListener("message", ({ data }: MessageEvent<Wish>) => void draw(generator, canvas, data));
  const { classes = 0, steps } = generator;
  answer({ type: "ready", classes, steps, engine: nameOf(report) });
}

async function draw(generator: Generator, canvas: OffscreenCanvas, { seed, label }: Wish): Promise<void> {
  const labels = label === undefined ? {} : { labels: [label] };
  const started = performance.now();
  await attempt("draw", async () => {
    await generator.draw(canvas, { seed, ...labels });
    answer({ type: "drawn", milliseconds: performance.now() - started });
  });
}

/** Does a part of the work; where it fails, the page is told which and why. */
async function attempt<T>(during: "start" | "load" | "draw", work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    answer({ type: "failed", during, reason: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

/** "wasm, 8 threads", and why not more where the page's host could change that. */
function nameOf({ name, threads = 1, threadsLimit }: BackendReport): string {
  const limit = threadsLimit === undefined ? "" : ` (${threadsLimit})`;
  return `${name}, ${threads === 1 ? "1 thread" : `${threads} threads`}${limit}`;
}
