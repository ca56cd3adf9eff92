import type { DataType } from "@tensorflow/tfjs";
import type { Layout } from "./layout.js";
import type { Share } from "./shares.js";

/** Marks our messages among those that a program may send to its workers on its own account. */
const MARK = "cfd-distill";

/** What the main thread asks of a worker. `group` tells apart the groups that use the same workers. */
export type Request = { readonly group: number } & (
  | { readonly kind: "start"; readonly setup: unknown; readonly index: number; readonly count: number }
  | { readonly kind: "memory"; readonly weights: SharedArrayBuffer; readonly result: SharedArrayBuffer }
  | { readonly kind: "step"; readonly input: unknown; readonly share: Share }
  | { readonly kind: "outputs"; readonly input: unknown; readonly share: Share }
  | { readonly kind: "end" }
);

/** What a worker answers to each kind of request. */
export interface Answers {
  readonly start: Layout;
  readonly memory: undefined;
  readonly step: Readonly<Record<string, number>>;
  readonly outputs: Rows;
  readonly end: undefined;
}

/** A tensor on its way between threads. */
export interface Rows {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly data: Float32Array | Int32Array;
}

/** Everything that goes to a worker: a greeting, to be answered by "ready", and requests. */
export type ToWorker =
  | { readonly mark: typeof MARK; readonly type: "hello" }
  | { readonly mark: typeof MARK; readonly type: "request"; readonly id: number; readonly request: Request };

/** Everything that comes from a worker. */
export type FromWorker =
  | { readonly mark: typeof MARK; readonly type: "ready" }
  | { readonly mark: typeof MARK; readonly type: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly mark: typeof MARK; readonly type: "failure"; readonly id: number; readonly error: unknown };

type Unmarked<M> = M extends unknown ? Omit<M, "mark"> : never;

/** The message with the mark that makes it one of ours. */
export function marked<M extends ToWorker | FromWorker>(message: Unmarked<M>): M {
  return { mark: MARK, ...message } as unknown as M;
}

/** Whether a message that has arrived is one of ours. */
export function isOurs(message: unknown): boolean {
  return typeof message === "object" && message !== null && "mark" in message && message.mark === MARK;
}
