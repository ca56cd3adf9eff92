import * as tf from "@tensorflow/tfjs";

// A graphics device can go away at any moment: the driver restarts, another page takes its memory, a phone sleeps. What
// the engine computes from then on is zeros, or it waits for ever, or it fails in words of its own. Everything that a
// program learns from an engine passes a few of its methods, so that is where the loss is made known.

/** How an engine whose device can be lost tells of it. */
export interface Loss {
  /** The methods of TensorFlow.js's engine that all numbers pass on their way in and out. */
  readonly passages: readonly string[];
  /** Asked before and after each of them, where the device can be asked. */
  readonly isLost?: () => boolean;
  /** Given what to call with the reason. */
  readonly onLoss: (lose: (reason: string) => void) => void;
}

type Method = (...args: unknown[]) => unknown;

/** Engines as TensorFlow.js made them, with the reason why their numbers cannot be trusted any more, if there is one. */
const guarded = new WeakMap<object, string | undefined>();

/**
 * Has the methods of the running engine throw once its device is gone, those that are waited for at that moment too. Does
 * so once for each engine, however often it is called.
 */
export function guard(name: string, { passages, isLost, onLoss }: Loss): void {
  const backend = tf.backend();
  if (guarded.has(backend)) return;
  guarded.set(backend, undefined);
  const waiting = new Set<() => void>();
  const lose = (reason: string) => {
    if (guarded.get(backend) === undefined) guarded.set(backend, reason);
    for (const giveUp of waiting) giveUp();
  };
  const throwIfLost = (cause?: unknown) => {
    if (isLost?.()) lose("the engine says so");
    const reason = guarded.get(backend);
    if (reason !== undefined) throw lossOf(name, reason, cause);
  };
  const orLost = (result: Promise<unknown>) =>
    new Promise((resolve, reject: (reason: unknown) => void) => {
      const giveUp = () => {
        reject(new Error("lost"));
      };
      waiting.add(giveUp);
      void result.then(resolve, reject).finally(() => waiting.delete(giveUp));
    });
  const target = backend as unknown as Record<string, Method>;
  for (const passage of passages) {
    const stock = target[passage]!.bind(backend);
    target[passage] = (...args) => {
      throwIfLost();
      try {
        const result = stock(...args);
        if (result instanceof Promise) return settled(orLost(result), throwIfLost);
        throwIfLost();
        return result;
      } catch (cause) {
        throwIfLost(cause);
        throw cause;
      }
    };
  }
  onLoss(lose);
}

/** Waits for what an engine reads back; the engine may fail of the loss before anybody is told of it. */
async function settled(result: Promise<unknown>, throwIfLost: (cause?: unknown) => void): Promise<unknown> {
  try {
    const value = await result;
    throwIfLost();
    return value;
  } catch (cause) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    throwIfLost(cause);
    throw cause;
  }
}

function lossOf(name: string, reason: string, cause?: unknown): Error {
  const advice = `its tensors are gone: useBackend("${name}") starts it anew, then load the last checkpoint`;
  return new Error(
    `${name}: expected a device that computes, got one that was lost (${reason}); ${advice}.`,
    {
      cause,
    },
  );
}

/** Has TensorFlow.js forget an engine whose device is gone, so that it can be started again. */
export function forgetIfLost(name: string): void {
  const engine = tf.engine();
  const backend: object | undefined = engine.registry[name];
  if (backend === undefined || guarded.get(backend) === undefined) return;
  const { factory, priority } = engine.registryFactory[name]!;
  tf.removeBackend(name);
  tf.registerBackend(name, factory, priority);
}
