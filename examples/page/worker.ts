// Loads the model and draws, so that the page itself never waits.
import { loadGenerator, useBackend, type BackendReport, type Generator } from "cfd-distill";
import type { Answer, Failure, Start, Wish } from "./messages.js";

const answer = (message: Answer) => {
  postMessage(message);
};

addEventListener("message", ({ data }: MessageEvent<Start>) => void start(data), { once: true });

async function start({ canvas, model }: Start): Promise<void> {
  const report = await attempt(() => useBackend("wasm"), whyNotStarted);
  const onProgress = (progress: { loaded: number; total?: number }) => {
    answer({ type: "loading", ...progress });
  };
  const generator =
    report &&
    (await attempt(
      () => loadGenerator(model, { onProgress }),
      () => whyNotLoaded(model),
    ));
  if (!generator) return;
  addEventListener("message", ({ data }: MessageEvent<Wish>) => void draw(generator, canvas, data));
  const { classes = 0, classNames, steps } = generator;
  answer({ type: "ready", classes, ...(classNames && { classNames }), steps, engine: nameOf(report) });
}

async function draw(generator: Generator, canvas: OffscreenCanvas, { seed, label }: Wish): Promise<void> {
  const labels = label === undefined ? {} : { labels: [label] };
  const started = performance.now();
  const drawn = async () => {
    await generator.draw(canvas, { seed, ...labels });
    answer({ type: "drawn", milliseconds: performance.now() - started });
  };
  await attempt(drawn, () => "draw");
}

/** Does a part of the work; where it fails, the page is told which and why. */
async function attempt<T>(
  work: () => Promise<T>,
  why: (error: unknown) => Failure | Promise<Failure>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    answer({
      type: "failed",
      failure: await why(error),
      reason: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}

/** A module that does not arrive is a TypeError, by itself or as the cause of another; what else fails is the browser's. */
function whyNotStarted(error: unknown): Failure {
  const causes = [error, (error as { readonly cause?: unknown } | undefined)?.cause];
  return causes.some((one) => one instanceof TypeError) ? "part" : "browser";
}

/** Asks the model's host, once the model could not be loaded. Some hosts answer with a page of theirs for what they do not have. */
async function whyNotLoaded(model: string): Promise<Failure> {
  try {
    const { ok, headers } = await fetch(model, { method: "HEAD" });
    const isPage = headers.get("content-type")?.startsWith("text/html") === true;
    return ok && !isPage ? "wrong" : "missing";
  } catch {
    return "network";
  }
}

/** "wasm, 8 threads"; why they are not more is for whoever runs the page. */
function nameOf({ name, threads = 1, threadsLimit }: BackendReport): string {
  if (threadsLimit !== undefined) console.info(`Threads: ${threads}, because ${threadsLimit}`);
  return `${name}, ${threads === 1 ? "1 thread" : `${threads} threads`}`;
}
