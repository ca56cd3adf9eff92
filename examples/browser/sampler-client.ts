import { wrap, type Remote } from "comlink";
import type { BackendReport } from "cfd-distill";
import type { EngineName } from "./engines.js";
import type { PageModel } from "./models.js";
import type { ModelFacts, Sampler } from "./sampler.js";

/** A worker with one engine. To change the engine, end it and open another. */
export interface SamplerClient {
  readonly engine: EngineName;
  readonly report: BackendReport;
  readonly remote: Remote<Sampler>;
  /** Loads a model, unless it is there already. */
  readonly ensure: (model: PageModel) => Promise<ModelFacts>;
  /** Settles as `work` does, or rejects when the worker breaks down. */
  readonly watch: <T>(work: Promise<T>) => Promise<T>;
  /** Ends the worker, and rejects what is being watched. */
  readonly end: () => void;
  /** Aborted by `end`. */
  readonly ended: AbortSignal;
}

/** Starts a worker and its engine; rejects, with the reason, if the engine cannot run here. */
export async function openSampler(engine: EngineName, threads?: number): Promise<SamplerClient> {
  const worker = new Worker(new URL("./sampler-worker.ts", import.meta.url), { type: "module" });
  const remote = wrap<Sampler>(worker);
  const ending = new AbortController();
  const watch = watchWorker(worker, ending.signal);
  const known = new Map<string, Promise<ModelFacts>>();
  const load = async ({ id, bytes }: PageModel) => watch(remote.load(id, await bytes()));
  const client: Omit<SamplerClient, "report"> = {
    engine,
    remote,
    watch,
    ensure(model) {
      const facts = known.get(model.id) ?? load(model);
      known.set(model.id, facts);
      facts.catch(() => known.delete(model.id)); // the next drawing tries again
      return facts;
    },
    ended: ending.signal,
    end() {
      ending.abort();
      worker.terminate();
    },
  };
  try {
    return { ...client, report: await watch(remote.start(engine, threads)) };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/**
 * A worker that fails to load, throws outside a call or has been ended answers no call any more: this is how callers
 * hear of it.
 */
export function watchWorker(worker: Worker, ended?: AbortSignal): <T>(work: Promise<T>) => Promise<T> {
  const broken = new Promise<never>((_, reject) => {
    ended?.addEventListener("abort", () => {
      reject(new Error("The worker has been ended."));
    });
    worker.addEventListener("error", ({ message }) => {
      reject(
        new Error(
          message || "A part of this page could not be fetched. Are you online? Reload the page then.",
        ),
      );
    });
  });
  broken.catch(() => undefined); // whoever waits gets it from the race below
  return (work) => Promise.race([work, broken]);
}
