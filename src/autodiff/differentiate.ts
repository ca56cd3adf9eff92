import * as tf from "../tfjs.js";
import { activeTape, engine, type Tape, type TapeNode } from "./internals.js";

/**
 * y = f() and its gradients for `xs`, undefined for those that y does not depend on; `dy` is the gradient of y where y
 * is no scalar. Unlike TensorFlow.js's own, it runs within another's backward pass as well, its backward pass frees
 * as it goes what it no longer needs, and it leaves nothing behind when it fails.
 */
export function differentiate<T extends tf.Tensor>(
  f: () => T,
  xs: readonly tf.Tensor[],
  dy?: T,
): { value: T; grads: (tf.Tensor | undefined)[] } {
  const { state } = engine();
  // An outer gradient that records this one needs all of it later, on its own tape.
  if (state.gradientDepth > 0) return engine().gradients(f, [...xs], dy, true);
  const outer = state.activeTape; // of a backward pass that is under way
  const freeing = () => {
    const y = f();
    state.activeTape = between(activeTape(), xs, y);
    freeAsServed(state.activeTape);
    return y;
  };
  try {
    return tf.tidy(() => engine().gradients(freeing, [...xs], dy?.clone(), true));
  } catch (error) {
    const tape: unknown = state.activeTape; // none if f has not begun
    for (const { saved } of Array.isArray(tape) ? (tape as Tape) : []) tf.dispose(saved ?? []);
    throw error;
  } finally {
    state.activeTape = outer;
  }
}

/**
 * The nodes on the way from the xs to y; what the others have saved is freed. TensorFlow.js finds them as well, but by
 * comparing each input with each x.
 */
function between(tape: Tape, xs: readonly tf.Tensor[], y: tf.Tensor): Tape {
  const fromX = new Set(xs.map(({ id }) => id));
  const reached = tape.filter(({ inputs, outputs }) => {
    const depends = Object.values(inputs).some(({ id }) => fromX.has(id));
    if (depends) for (const { id } of outputs) fromX.add(id);
    return depends;
  });
  const toY = new Set([y.id]);
  const needed = new Set<TapeNode>();
  for (const node of reached.reverse()) {
    if (!node.outputs.some(({ id }) => toY.has(id))) continue;
    needed.add(node);
    for (const { id } of Object.values(node.inputs)) toY.add(id);
  }
  const kept = tape.filter((node) => needed.has(node));
  for (const node of tape) if (!needed.has(node)) tf.dispose(node.saved ?? []);
  whole.set(kept, tape);
  return kept;
}

const whole = new WeakMap<Tape, Tape>();

/** What was recorded before the backward pass that is under way, also where no gradient needs it. */
export function recorded(): Tape {
  const tape = activeTape();
  return whole.get(tape) ?? tape;
}

/**
 * TensorFlow.js goes through the tape from its end and holds every saved activation and every gradient until it has
 * reached the start. Here a node's are freed once the next node's turn has come.
 */
function freeAsServed(tape: Tape): void {
  let end = tape.length; // of the nodes whose turn is still to come
  let spent: readonly tf.Tensor[] = [];
  for (const [index, node] of tape.entries()) {
    const { gradient } = node;
    if (gradient === undefined) continue;
    node.gradient = (dys) => {
      tf.dispose([...spent]);
      while (end > index + 1) tf.dispose(tape[--end]!.saved ?? []);
      spent = dys.filter((dy) => dy !== null);
      return separate(gradient(dys), [...dys, ...(node.saved ?? [])]);
    };
  }
}

/** Each gradient as a tensor of its own, also where it equals one of `others` or another one. */
function separate(
  gradients: ReturnType<NonNullable<TapeNode["gradient"]>>,
  others: readonly tf.Tensor[],
): typeof gradients {
  const known = new Set(others);
  const entries = Object.entries(gradients).map(([name, compute]) => {
    const computeNew = () => {
      const gradient = compute();
      if (known.has(gradient)) return gradient.clone();
      known.add(gradient);
      return gradient;
    };
    return [name, computeNew] as const;
  });
  return Object.fromEntries(entries);
}
