import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";
import type { ValueAndGrads } from "../training/value-and-grads.js";
import type { Params } from "../types.js";
import { joinRows, sumGrads, sumTerms } from "./join.js";
import { checkSameLayout, layoutOf, type Layout } from "./layout.js";
import { linkTo, type Link } from "./link.js";
import { checkPort, type ReplicaPort } from "./ports.js";
import type { Answers, Request } from "./protocol.js";
import { allocate, assign, checkSharedMemory, publish, viewWeights } from "./shared-weights.js";
import { sizeOfShare, splitBatch, type Share } from "./shares.js";

/**
 * A group of workers that compute the same functions, each on its share of the samples. One call at a time; an error in
 * a worker, or the worker's end, rejects the call and makes the group unusable.
 */
export interface Replicas<Input = unknown> {
  /** How many workers there are. */
  readonly count: number;
  /**
   * `valueAndGrads` over all workers: the means of terms and gradients, weighted by the sizes of the shares and summed in
   * the workers' order, so that a worker count has one result. **Sets the entries of `params` that are not trainable**
   * (batch norm's running statistics) to those of the first worker, as DistributedDataParallel does.
   *
   * Terms that are not means over samples, such as the diversity term, and batch norm see one share.
   *
   * @param params the weights, of the names and shapes that the replicas have
   * @param input anything that can be copied between threads; each worker gets all of it
   * @param batch the number of samples
   * @returns `terms` and `grads`, which the caller disposes
   */
  valueAndGrads(params: Params, input: Input, batch: number): Promise<ValueAndGrads>;
  /**
   * The replicas' `outputs`, one row per sample, in the samples' order.
   *
   * @param params the weights, of the names and shapes that the replicas have
   * @param input anything that can be copied between threads; each worker gets all of it
   * @param count the number of samples
   * @returns a tensor [count, ...], which the caller disposes
   */
  outputs(params: Params, input: Input, count: number): Promise<tf.Tensor>;
  /**
   * Ends the group: a call under way rejects, the workers free their replicas. They go on living for other groups.
   * Resolves when they have done so; at once where one of them is busy or has failed. Never rejects.
   */
  close(): Promise<void>;
}

let groups = 0;

/**
 * Connects to worker threads that each serve a replica (see `serveReplica`), to train and sample on several cores. The
 * workers belong to the caller, who ends them with `terminate()`; several groups may use them, one after the other.
 *
 * The truth stays here: parameters, optimiser, averages, random streams and checkpoints are what they are without
 * workers. Weights and gradients go through a SharedArrayBuffer, in a page only under cross-origin isolation. Workers
 * that are waited for keep a Node program running, idle ones do not.
 *
 * @param workers Node's or a page's workers, each with an engine and networks of its own
 * @param setup what `serveReplica`'s `start` gets, in each worker: anything that can be copied between threads
 * @returns the group
 * @throws (rejects) if memory cannot be shared, `start` throws, a worker ends, or the replicas' weights differ; the error
 *   names the worker and carries its error as `cause`
 * @example
 * ```ts no-run: needs a page's Worker
 * import { connectReplicas } from "cfd-distill";
 * // Bundlers know this line, and pack the worker's module.
 * const start = () => new Worker(new URL("./replica.js", import.meta.url), { type: "module" });
 * const workers = [start(), start()];
 * const replicas = await connectReplicas(workers, { width: 8 });
 * // ... replicas.valueAndGrads(params, { seed: 1 }, 16)
 * await replicas.close();
 * for (const worker of workers) worker.terminate();
 * ```
 */
export async function connectReplicas<Input = unknown>(
  workers: readonly ReplicaPort[],
  setup?: unknown,
): Promise<Replicas<Input>> {
  checkSharedMemory("connectReplicas");
  check(workers.length > 0, "connectReplicas", "at least one worker", "none");
  for (const worker of workers) checkPort(worker, "connectReplicas", "workers");
  const distinct = new Set(workers).size === workers.length;
  check(distinct, "connectReplicas", "every worker once", `${workers.length} with repetitions`);
  const [group, links, count] = [groups++, workers.map(linkTo), workers.length];
  try {
    const starts = links.map((link, index) => link.ask({ kind: "start", group, setup, index, count }));
    const layout = sameLayout(await allOf(starts, { count, what: "start", where: "connectReplicas" }));
    const memory = allocate(layout, count);
    const given = links.map((link, i) =>
      link.ask({ kind: "memory", group, weights: memory.weights, result: memory.results[i]! }),
    );
    await allOf(given, { count, what: "take its memory", where: "connectReplicas" });
    return openGroup<Input>({ group, links, layout, memory });
  } catch (error) {
    void endAll(links, group);
    throw error;
  }
}

/** The layout that all workers have. */
function sameLayout(layouts: readonly Layout[]): Layout {
  const [first, ...others] = layouts;
  others.forEach((layout, i) => {
    checkSameLayout(first!, layout, "connectReplicas", `worker ${i + 2} to have the weights of worker 1`);
  });
  return first!;
}

interface Group {
  readonly group: number;
  readonly links: readonly Link[];
  readonly layout: Layout;
  readonly memory: ReturnType<typeof allocate>;
}

function openGroup<Input>({ group, links, layout, memory }: Group): Replicas<Input> {
  const weights = viewWeights(layout, memory.weights);
  const results = memory.results.map((buffer) => new Float32Array(buffer));
  const { run, work, close } = oneAtATime();

  /** Has every worker that gets samples compute its share. */
  const compute = async <K extends "step" | "outputs">(kind: K, input: Input, shares: readonly Share[]) => {
    const asked = shares.map((share) =>
      links[share.index]!.ask({ kind, group, input, share } as Extract<Request, { kind: K }>),
    );
    return work(
      allOf<Answers[K]>(asked, { count: links.length, what: "compute its share", where: nameOf(kind) }),
    );
  };
  /** What both calls begin with. */
  const prepare = async (kind: "step" | "outputs", params: Params, samples: number) => {
    const where = nameOf(kind);
    checkSameLayout(layout, layoutOf(params, where), where, "params with the replicas' weights");
    const shares = splitBatch(samples, links.length).filter((share) => sizeOfShare(share) > 0);
    await publish(layout, weights, params);
    return shares;
  };

  return {
    count: links.length,
    valueAndGrads: (params, input, batch) =>
      run("Replicas.valueAndGrads", async () => {
        const shares = await prepare("step", params, batch);
        const terms = await compute("step", input, shares);
        const parts = results.slice(0, shares.length);
        const learnt = tf.tidy(() => ({
          terms: sumTerms(terms),
          grads: sumGrads(layout, params, parts),
        }));
        for (const entry of layout) if (!entry.trainable) assign(params[entry.name]!, parts[0]!, entry);
        return learnt;
      }),
    outputs: (params, input, samples) =>
      run("Replicas.outputs", async () => {
        const shares = await prepare("outputs", params, samples);
        return joinRows(await compute("outputs", input, shares));
      }),
    close: async () => {
      const state = close();
      const freed = state === "closed" ? undefined : endAll(links, group);
      if (state === "idle") await freed;
    },
  };
}

const nameOf = (kind: "step" | "outputs") =>
  kind === "step" ? "Replicas.valueAndGrads" : "Replicas.outputs";

/** Refuses a second call while one runs, and every call after a failure or the end. */
function oneAtATime() {
  let running: string | undefined;
  let failure: Error | undefined;
  let closed = false;
  let endWork: (reason: Error) => void;
  const ended = new Promise<never>((_, reject) => (endWork = reject));
  ended.catch(() => undefined); // whether or not anybody works when the group ends

  return {
    /** Runs a call. */
    run: async <T>(where: string, call: () => Promise<T>): Promise<T> => {
      check(!closed, where, "a group that is open", "one that was closed");
      if (failure) {
        throw new Error(`${where}: expected a group whose workers are well, got: ${failure.message}`, {
          cause: failure,
        });
      }
      check(running === undefined, where, "one call at a time", `${where} while ${running} runs`);
      running = where;
      try {
        return await call();
      } finally {
        running = undefined;
      }
    },
    /** Waits for the workers, the only part of a call that spoils the group when it fails. */
    work: async <T>(answers: Promise<T[]>): Promise<T[]> => {
      try {
        return await Promise.race([answers, ended]);
      } catch (error) {
        failure ??= error as Error;
        throw error;
      }
    },
    /** Ends the group and says what it was. */
    close: (): "closed" | "busy" | "failed" | "idle" => {
      if (closed) return "closed";
      closed = true;
      endWork(new Error(`${running ?? "Replicas"}: expected a group that is open, got close().`));
      if (running !== undefined) return "busy";
      return failure ? "failed" : "idle";
    },
  };
}

/** Has the workers forget a group; those that cannot any more need not. */
async function endAll(links: readonly Link[], group: number): Promise<void> {
  await Promise.allSettled(links.map((link) => link.ask({ kind: "end", group })));
}

/** All answers, or an error that names the first of `count` workers which failed. */
function allOf<T>(
  answers: readonly Promise<T>[],
  { count, what, where }: { readonly count: number; readonly what: string; readonly where: string },
): Promise<T[]> {
  const named = answers.map((answer, index) =>
    answer.catch((cause: unknown) => {
      const got = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${where}: expected worker ${index + 1} of ${count} to ${what}, got: ${got}`, {
        cause,
      });
    }),
  );
  return Promise.all(named);
}
