import * as tf from "../tfjs.js";
import { check } from "../check.js";

// A graphics device can go away at any moment: the driver restarts, another page takes its memory, a phone sleeps. What
// the engine computes from then on is zeros, or it waits for ever, or it fails in words of its own. Everything that a
// program learns from an engine passes a few of its methods, so that is where the loss is made known.

/** How an engine whose device can be lost tells of it. */
export interface Loss {
  /** The methods of TensorFlow.js's engine that all numbers pass on their way in and out. */
  readonly passages: readonly string[];
  /** Asked before and after each of them, where the device can be asked. */
  readonly isLost?: () => boolean;
  /** Waited for whenever numbers are: what went wrong with the work so far, where the engine would not tell. */
  readonly problem?: () => Promise<string | undefined>;
  /** Given what to call with the reason. */
  readonly onLoss: (lose: (reason: string) => void) => void;
}

type Method = (...args: unknown[]) => unknown;

/** What is known of an engine's device; by the engine as TensorFlow.js made it. */
const devices = new WeakMap<object, Device>();

const PATIENCE = 1000; // ms from a failure until the loss behind it is made known

/** Has methods of the running engine throw once its device is gone, those that are waited for at that moment too. */
export function guard(name: string, { passages, isLost, problem, onLoss }: Loss): void {
  const device = presentDevice();
  const throwIfLost = (cause?: unknown) => {
    if (isLost?.()) device.lose("the engine says so");
    const reason = device.lostBy();
    if (reason !== undefined) throw lossOf(name, reason, cause);
  };
  const settled = async (result: Promise<unknown>) => {
    const { lost, forget } = device.untilLost();
    const failed = async (cause: unknown) => {
      await Promise.race([lost, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
      throwIfLost(cause);
      throw cause;
    };
    const both = await Promise.race([Promise.all([result, problem?.()]), lost])
      .catch(failed)
      .finally(forget);
    const [value, wrong] = both ?? [];
    if (wrong !== undefined) device.lose(wrong);
    throwIfLost();
    return value;
  };
  const backend = tf.backend();
  const target = backend as unknown as Record<string, Method>;
  for (const passage of passages) {
    const method = target[passage];
    const got = `none in version ${tf.version_core}`;
    check(typeof method === "function", "useBackend", `${passage} of TensorFlow.js's engine`, got);
    const stock = method.bind(backend);
    target[passage] = (...args) => {
      throwIfLost();
      const result = orThrow(() => stock(...args), throwIfLost);
      if (result instanceof Promise) return settled(result);
      throwIfLost();
      return result;
    };
  }
  devices.set(backend, device);
  onLoss(device.lose);
}

function orThrow(f: () => unknown, throwIfLost: (cause: unknown) => void): unknown {
  try {
    return f();
  } catch (cause) {
    throwIfLost(cause);
    throw cause;
  }
}

/** A device that may be lost, once and for all. */
interface Device {
  readonly lose: (reason: string) => void;
  /** The reason, if it was. */
  readonly lostBy: () => string | undefined;
  /** `lost` resolves when it is, unless it is forgotten before. Any number of numbers may be waited for at once. */
  readonly untilLost: () => { readonly lost: Promise<undefined>; readonly forget: () => unknown };
}

function presentDevice(): Device {
  const waiting = new Set<() => void>();
  let lostBy: string | undefined;
  return {
    lose(reason) {
      lostBy ??= reason;
      for (const tell of waiting) tell();
    },
    lostBy: () => lostBy,
    untilLost() {
      let tell: () => void = () => undefined;
      const lost = new Promise<undefined>((resolve) => {
        tell = () => {
          resolve(undefined);
        };
      });
      if (lostBy === undefined) waiting.add(tell);
      else tell();
      return { lost, forget: () => waiting.delete(tell) };
    },
  };
}

function lossOf(name: string, reason: string, cause: unknown): Error {
  const expected = `${name}: expected a device that computes, got one that was lost (${reason})`;
  const advice = `its tensors are gone: useBackend("${name}") starts it anew, then load the last checkpoint`;
  return new Error(`${expected}; ${advice}.`, { cause });
}

/** Has TensorFlow.js forget an engine whose device is gone, so that it can be started again. */
export function forgetIfLost(name: string): void {
  const engine = tf.engine();
  const backend: object | undefined = engine.registry[name];
  if (backend === undefined || devices.get(backend)?.lostBy() === undefined) return;
  const { factory, priority } = engine.registryFactory[name]!;
  tf.removeBackend(name);
  tf.registerBackend(name, factory, priority);
}
