import { describe } from "../check.js";
import { listen, type ReplicaPort } from "./ports.js";
import { isOurs, marked, type Answers, type FromWorker, type Request, type ToWorker } from "./protocol.js";

/** A worker as the main thread talks to it. One exists for each worker, whichever groups use it. */
export interface Link {
  /** Rejects with the worker's own error, or with the reason of its end. */
  ask<K extends Request["kind"]>(request: Extract<Request, { kind: K }>): Promise<Answers[K]>;
}

const links = new WeakMap<ReplicaPort, Link>();

/** The link to a worker, made when it is first asked for. */
export function linkTo(worker: ReplicaPort): Link {
  const link = links.get(worker) ?? open(worker);
  links.set(worker, link);
  return link;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

function open(worker: ReplicaPort): Link {
  const waiting = new Map<number, Waiting>();
  const early: ToWorker[] = []; // a page loses what is sent to a worker that does not listen yet
  let ready = false;
  let death: Error | undefined;
  let asked = 0;

  const send = (message: ToWorker) => {
    if (ready) worker.postMessage(message);
    else early.push(message);
  };
  const settle = (id: number): Waiting | undefined => {
    const found = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref?.(); // only work that is waited for keeps a program running
    return found;
  };
  const die = (reason: Error) => {
    death ??= reason;
    for (const id of [...waiting.keys()]) settle(id)?.reject(death);
  };
  const receive = (message: FromWorker) => {
    if (message.type === "answer") settle(message.id)?.resolve(message.answer);
    else if (message.type === "failure") settle(message.id)?.reject(asError(message.error));
    else {
      ready = true;
      for (const held of early.splice(0)) send(held);
    }
  };
  listen(worker, "message", (message) => {
    if (isOurs(message)) receive(message as FromWorker);
  });
  listenForTheEnd(worker, die);
  if (hasExited(worker)) die(new Error("it had ended before"));
  else worker.postMessage(marked<ToWorker>({ type: "hello" })); // its first "ready" may have gone by
  worker.unref?.();

  return {
    ask: (request) =>
      new Promise<never>((resolve, reject) => {
        if (death) {
          reject(death);
          return;
        }
        const id = asked++;
        waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
        worker.ref?.();
        try {
          send(marked<ToWorker>({ type: "request", id, request }));
        } catch (error) {
          settle(id)?.reject(asError(error)); // an input that cannot be copied
        }
      }),
  };
}

/** Whatever tells that a worker cannot go on: Node's events, and a page's. */
function listenForTheEnd(worker: ReplicaPort, die: (reason: Error) => void): void {
  listen(worker, "error", (error) => {
    die(asError(error));
  });
  listen(worker, "messageerror", (error) => {
    die(new Error("a message could not be read", { cause: error }));
  });
  listen(worker, "exit", (code) => {
    die(new Error(`it exited with code ${describe(code)}`));
  });
  listen(worker, "close", () => {
    die(new Error("its port was closed"));
  });
}

/** Node gives an ended thread the id -1; it has told its listeners, if there were any. */
function hasExited(worker: ReplicaPort): boolean {
  return "threadId" in worker && worker.threadId === -1;
}

/** Node hands over the worker's error, a page an event with its message: none if the script could not be loaded. */
function asError(value: unknown): Error {
  if (value instanceof Error) return value;
  const message = typeof value === "object" && value !== null && "message" in value ? value.message : value;
  if (typeof message === "string" && message !== "") return new Error(message, { cause: value });
  return new Error("its script could not be loaded or failed", { cause: value });
}
