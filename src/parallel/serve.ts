import * as tf from "@tensorflow/tfjs";
import { withValues } from "../backends/engine.js";
import { check, describe, fail, isTensor } from "../check.js";
import { valueAndGrads } from "../training/value-and-grads.js";
import type { Grads, LossTerms, Params } from "../types.js";
import { layoutOf, type Layout } from "./layout.js";
import { checkPort, listen, type ReplicaPort } from "./ports.js";
import {
  isOurs,
  marked,
  type Answers,
  type FromWorker,
  type Request,
  type Rows,
  type ToWorker,
} from "./protocol.js";
import { receive, viewWeights, type WeightsView } from "./shared-weights.js";
import { sizeOfShare, type Share } from "./shares.js";

/** What a worker computes: functions of the weights in `params`, which the main thread sets, and of an input. */
export interface Replica<Input = unknown> {
  /** The worker's own variables, of the names and shapes that the main thread trains; their values do not matter. */
  readonly params: Params;
  /** The loss of this worker's share of the batch, as `valueAndGrads` takes it. */
  readonly terms?: (input: Input, share: Share) => LossTerms;
  /** A tensor with one row per sample of this worker's share. What else it makes is freed. */
  readonly outputs?: (input: Input, share: Share) => tf.Tensor | Promise<tf.Tensor>;
  /** Frees what was made for this replica, `params` among it, when the main thread closes the group. */
  readonly dispose?: () => void;
}

/** Which of a group's workers this is. */
export interface ReplicaPlace {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

/** A replica at work. */
interface Served {
  readonly replica: Replica;
  readonly layout: Layout;
  /** The version of each weight that `replica.params` holds. */
  readonly seen: Int32Array;
  memory?: { readonly weights: WeightsView; readonly result: Float32Array };
}

/**
 * Makes a worker thread compute for `connectReplicas`; called once, in the worker's module. It answers until the thread
 * ends, one request after the other.
 *
 * @param port the way to the main thread: `parentPort` of node:worker_threads, or a Web Worker's `self`
 * @param start called for each group that connects, with the `setup` that the main thread gave and this worker's place
 *   (`index` of `count`): chooses the engine, builds the networks, loads the frozen ones
 * @throws if `port` is no port, as in a program that is not a worker. What `start` and the replica throw goes to the
 *   main thread, whose call rejects
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { connectReplicas, serveReplica } from "cfd-distill";
 * // In earnest the two ends are in two files: serveReplica(parentPort, ...) in the worker's.
 * const { port1, port2 } = new MessageChannel();
 * serveReplica(port2, ({ size }: { size: number }) => {
 *   const params = { w: tf.tidy(() => tf.variable(tf.zeros([size]))) };
 *   const terms = (x: number[], { start, end }: { start: number; end: number }) => ({
 *     loss: tf.mean(tf.mul(params.w, tf.tensor2d(x.slice(start, end), [end - start, 1]))).asScalar(),
 *   });
 *   return { params, terms, dispose: () => params.w.dispose() };
 * });
 * const params = { w: tf.tidy(() => tf.variable(tf.ones([1]))) };
 * const replicas = await connectReplicas<number[]>([port1], { size: 1 });
 * const { terms, grads } = await replicas.valueAndGrads(params, [1, 3], 2);
 * console.log(await terms.loss.data(), await grads.w?.data()); // [2], [2]
 * await replicas.close();
 * tf.dispose([terms, grads, params]);
 * port1.close();
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- lets `start` declare its setup's type
export function serveReplica<Setup, Input>(
  port: ReplicaPort | null,
  start: (setup: Setup, place: ReplicaPlace) => Replica<Input> | Promise<Replica<Input>>,
): void {
  checkPort(port, "serveReplica", "a worker's port to the main thread");
  const served = new Map<number, Served>();
  const answer = async (id: number, request: Request) => {
    try {
      const { value, transfer = [] } = await handle(request, served, start as Start);
      port.postMessage(marked<FromWorker>({ type: "answer", id, answer: value }), transfer);
    } catch (error) {
      postFailure(port, id, error);
    }
  };
  let last = Promise.resolve();
  const take = (message: ToWorker) => {
    if (message.type === "hello") port.postMessage(marked<FromWorker>({ type: "ready" }));
    else last = last.then(() => answer(message.id, message.request));
  };
  listen(port, "message", (message) => {
    if (isOurs(message)) take(message as ToWorker);
  });
  port.postMessage(marked<FromWorker>({ type: "ready" }));
}

type Start = (setup: unknown, place: ReplicaPlace) => Replica | Promise<Replica>;

interface Answered<K extends keyof Answers> {
  readonly value: Answers[K];
  readonly transfer?: ArrayBufferLike[];
}

async function handle(
  request: Request,
  served: Map<number, Served>,
  start: Start,
): Promise<Answered<keyof Answers>> {
  const { group, kind } = request;
  if (kind === "start") {
    const { setup, index, count } = request;
    const replica = await start(setup, { index, count });
    check(replica?.params !== undefined, "serveReplica", "start to return { params, ... }", replica);
    const layout = layoutOf(replica.params, "serveReplica");
    served.set(group, { replica, layout, seen: new Int32Array(layout.length) });
    return { value: layout };
  }
  if (kind === "end") {
    end(group, served);
    return { value: undefined };
  }
  const one = served.get(group) ?? fail("serveReplica", "a group that has been started", group);
  switch (kind) {
    case "memory":
      one.memory = {
        weights: viewWeights(one.layout, request.weights),
        result: new Float32Array(request.result),
      };
      return { value: undefined };
    case "step":
      return { value: await step(one, request.input, request.share) };
    case "outputs": {
      const value = await outputs(one, request.input, request.share);
      return { value, transfer: [value.data.buffer] };
    }
    default:
      return request satisfies never;
  }
}

/** The newest weights into the replica's variables. */
function update({ layout, memory, replica, seen }: Served): Float32Array {
  const { weights, result } = memory ?? fail("serveReplica", "the group's memory first", "a request");
  receive(layout, weights, replica.params, seen);
  return result;
}

async function step(one: Served, input: unknown, share: Share): Promise<Answers["step"]> {
  const { replica, layout, seen } = one;
  const { params } = replica;
  const terms = replica.terms ?? fail("serveReplica", "a replica with `terms` for valueAndGrads", "none");
  const result = update(one);
  try {
    const learnt = valueAndGrads(() => partOf(terms(input, share), share), params);
    try {
      await write(layout, { ...params, ...learnt.grads }, result);
      return await numbers(learnt.terms);
    } finally {
      tf.dispose([learnt.terms, learnt.grads]);
    }
  } finally {
    // A loss may change running statistics, in each worker differently: they are fetched anew.
    for (const [i, { trainable }] of layout.entries()) if (!trainable) seen[i] = 0;
  }
}

/** The share's part of the batch's means: all shares' parts add up to those, and so do their gradients. */
function partOf(terms: LossTerms, { start, end, batch }: Share): LossTerms {
  const part = (term: tf.Scalar) => (isTensor(term) ? tf.mul<tf.Scalar>(term, (end - start) / batch) : term);
  return Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, part(term)])) as LossTerms;
}

/** Gradients, and the values of what is not trained, to where the main thread reads them. */
async function write(layout: Layout, tensors: Grads, result: Float32Array): Promise<void> {
  for (const { name, offset } of layout) {
    await withValues(tensors[name]!, (values) => {
      result.set(values, offset);
    });
  }
}

async function numbers(terms: LossTerms): Promise<Record<string, number>> {
  const names = Object.keys(terms);
  const stacked = tf.stack(names.map((name) => terms[name]!));
  const values = await stacked.data();
  stacked.dispose();
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
}

async function outputs(one: Served, input: unknown, share: Share): Promise<Rows> {
  const compute = one.replica.outputs ?? fail("serveReplica", "a replica with `outputs`", "none");
  update(one);
  // Requests come one at a time, so nothing else is in this scope however often `compute` awaits.
  tf.engine().startScope("outputs");
  try {
    const rows = await compute(input, share);
    const size = sizeOfShare(share);
    const fits = isTensor(rows) && rows.rank > 0 && rows.shape[0] === size;
    check(fits, "serveReplica", `outputs of ${size} rows, one per sample of the share`, rows);
    const { dtype, shape } = rows;
    const numeric = dtype === "float32" || dtype === "int32";
    check(numeric, "serveReplica", "outputs in float32 or int32", dtype);
    const data = (await rows.data<"float32" | "int32">()).slice(); // an engine may hand out its own memory
    return { shape: [...shape], dtype, data };
  } finally {
    tf.engine().endScope();
  }
}

/** Ends a group. Its errors are uncaught ones, of which the main thread hears too, as `close` never rejects. */
function end(group: number, served: Map<number, Served>): void {
  const one = served.get(group);
  served.delete(group);
  try {
    one?.replica.dispose?.();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** The error itself where it can be copied, else its words. */
function postFailure(port: ReplicaPort, id: number, error: unknown): void {
  const failure = (value: unknown) => marked<FromWorker>({ type: "failure", id, error: value });
  try {
    port.postMessage(failure(error instanceof Error ? error : new Error(describe(error))));
  } catch {
    port.postMessage(failure(new Error(error instanceof Error ? error.message : describe(error))));
  }
}
