import { check } from "../check.js";

/** Node's `Worker` and `parentPort`, by what is used of them. */
export interface NodePort {
  /** Sends a message. */
  postMessage(message: unknown, transfer?: unknown): void;
  /** Listens. */
  on(event: string, listener: (value: unknown) => void): unknown;
  /** Lets it keep the program running. */
  ref?(): unknown;
  /** Lets the program end without it. */
  unref?(): unknown;
}

/** The Web's `Worker`, a worker's own `self`, and either end of a `MessageChannel`, by what is used of them. */
export interface WebPort {
  /** Sends a message. */
  postMessage(message: unknown, transfer?: unknown): void;
  /** Listens. */
  addEventListener(type: string, listener: (event: unknown) => void): unknown;
  /** Starts what a message port has received. */
  start?(): void;
  /** Lets it keep the program running. */
  ref?(): unknown;
  /** Lets the program end without it. */
  unref?(): unknown;
}

/** A thread as the other side sees it, in Node or in a page. */
export type ReplicaPort = NodePort | WebPort;

/** Throws unless `port` can be talked to. */
export function checkPort(port: unknown, where: string, what: string): asserts port is ReplicaPort {
  const methods = port as
    Partial<Record<"postMessage" | "on" | "addEventListener", unknown>> | null | undefined;
  const talks = typeof methods?.postMessage === "function";
  const listens = typeof methods?.on === "function" || typeof methods?.addEventListener === "function";
  check(talks && listens, where, what, port);
}

/** Listens to an event; the handler gets Node's value, or the Web's event (of a message: its data). */
export function listen(port: ReplicaPort, event: string, handler: (value: unknown) => void): void {
  if ("on" in port) {
    port.on(event, handler);
    return;
  }
  port.addEventListener(event, (happened: unknown) => {
    handler(event === "message" ? (happened as MessageEvent).data : happened);
  });
  if (event === "message") port.start?.();
}
