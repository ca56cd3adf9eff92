import * as tf from "../tfjs.js";
import { check, checkTensors, isNumber, quoted, checkSameEntries } from "../check.js";
import { sizeOf, toFloat32, type StateDict } from "../formats/state-dict.js";
import type { Grads, Params } from "../types.js";
import { rateAt, type LearningRate } from "./learning-rates.js";
import { trainableEntries } from "../autodiff/trainable.js";
import { readTensors } from "./read-tensors.js";

/** Everything an optimiser remembers, on the host: the step that comes next, and its moments by slot and name. */
export interface OptimizerState {
  readonly type: "adam" | "sgd";
  readonly step: number;
  readonly slots: Readonly<Record<string, StateDict>>;
}

/** Updates weights from gradients. The moments are keyed by the weights' names, the step counts from 0. */
export interface Optimizer {
  /**
   * One step. **Changes `params` in place** (their variables get new values) and disposes nothing of the caller's.
   * Throws, before anything is changed, unless `grads` has exactly the trainable params' names and shapes and the rate is
   * a number >= 0. Gradients are not read: see that they are finite first, by `readTerms` of the terms and the norm.
   */
  apply(params: Params, grads: Grads): void;
  /** A copy of the state on the host. */
  state(): Promise<OptimizerState>;
  /** Goes on from a saved state. Throws, before anything is changed, if it is another optimiser's or network's. */
  restore(state: OptimizerState): void;
  /** Frees the moments. */
  dispose(): void;
}

/** The moments of one weight by slot name; variables, so that no `tf.tidy` around a training step frees them. */
export type Slots = Readonly<Record<string, tf.Variable>>;

/** What a step changes, and from what. */
export interface Updated {
  readonly weight: tf.Variable;
  readonly grad: tf.Tensor;
  readonly slots: Slots;
}

/** What tells one optimiser from another. */
export interface UpdateRule {
  readonly type: OptimizerState["type"];
  readonly slots: readonly string[];
  readonly learningRate: LearningRate;
  /** Takes a step, 0 the first. */
  update(all: readonly Updated[], step: number, rate: number): void;
}

/** The bookkeeping that adam and sgd share. */
export function createOptimizer(rule: UpdateRule): Optimizer {
  let step = 0;
  let moments: Readonly<Record<string, Slots>> | undefined; // by weight, then slot; made at the first step

  const dispose = () => {
    for (const slots of Object.values(moments ?? {})) tf.dispose(Object.values(slots));
    moments = undefined;
  };
  return {
    apply(params, grads) {
      const weights = trainableEntries(params, `${rule.type}.apply`);
      checkSameEntries(weights, grads, `${rule.type}.apply`, "one gradient per trainable weight");
      checkTensors(grads, `${rule.type}.apply`);
      if (moments) checkMoments(moments, rule, "apply", weights);
      const rate = rateAt(rule.learningRate, step);
      const expected = `a finite learning rate at step ${step}, not below 0`;
      check(isNumber(rate, 0), `${rule.type}.apply`, expected, quoted(rate));
      moments ??= zeroMoments(rule.slots, weights);
      const slots = moments;
      const all = Object.entries(weights).map(([name, weight]) => ({
        weight,
        grad: grads[name]!,
        slots: slots[name]!,
      }));
      tf.tidy(() => {
        rule.update(all, step, rate);
      });
      step++;
    },
    async state() {
      const [now, current] = [step, moments ?? {}];
      const read = rule.slots.map(
        async (slot) => [slot, await readTensors(pickSlot(current, slot))] as const,
      );
      return { type: rule.type, step: now, slots: Object.fromEntries(await Promise.all(read)) };
    },
    restore(state) {
      checkState(state, rule);
      const first = state.slots[rule.slots[0] ?? ""] ?? {};
      if (moments) checkMoments(moments, rule, "restore", first);
      dispose();
      step = state.step;
      const names = Object.keys(first);
      if (names.length === 0) return;
      moments = Object.fromEntries(names.map((name) => [name, restoreSlots(state, rule.slots, name)]));
    },
    dispose,
  };
}

function zeroMoments(slots: readonly string[], weights: Params): Record<string, Slots> {
  const zeros = (weight: tf.Variable) =>
    tf.tidy(() => slots.map((slot) => [slot, tf.variable(tf.zerosLike(weight), false)] as const));
  return Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, Object.fromEntries(zeros(w))]));
}

function pickSlot(moments: Readonly<Record<string, Slots>>, slot: string): Record<string, tf.Variable> {
  return Object.fromEntries(Object.entries(moments).map(([name, slots]) => [name, slots[slot]!]));
}

function checkMoments(
  moments: Readonly<Record<string, Slots>>,
  { type, slots: [slot] }: UpdateRule,
  method: string,
  got: Parameters<typeof checkSameEntries>[1],
): void {
  if (slot === undefined) return;
  const what = "the weights that the moments so far belong to";
  checkSameEntries(pickSlot(moments, slot), got, `${type}.${method}`, what);
}

function checkState(state: OptimizerState, { type, slots }: UpdateRule): void {
  const where = `${type}.restore`;
  check(state?.type === type, where, `a state of ${type}`, state?.type);
  check(Number.isSafeInteger(state.step) && state.step >= 0, where, "step to be an integer >= 0", state.step);
  const got = Object.keys(state.slots ?? {});
  const same = got.length === slots.length && slots.every((slot) => got.includes(slot));
  check(same, where, `the slots [${slots.join(", ")}]`, `[${got.join(", ")}]`);
  for (const slot of slots) checkSlot(state, slot, state.slots[slots[0]!]!, where);
}

function checkSlot({ step, slots }: OptimizerState, slot: string, first: StateDict, where: string): void {
  const tensors = slots[slot]!;
  checkSameEntries(first, tensors, where, `${slot} with the entries of the first slot`);
  const empty = step > 0 && Object.keys(tensors).length === 0;
  check(!empty, where, `${slot} of every weight after ${step} steps`, "none");
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    const whole = dtype === "F32" && data.length === sizeOf(shape);
    check(
      whole,
      where,
      `${slot} of "${name}" as ${sizeOf(shape)} numbers in F32`,
      `${data.length} in ${dtype}`,
    );
  }
}

function restoreSlots(state: OptimizerState, slots: readonly string[], name: string): Slots {
  const restored = slots.map((slot) => {
    const stored = state.slots[slot]![name]!;
    return [
      slot,
      tf.tidy(() => tf.variable(tf.tensor(toFloat32(stored), [...stored.shape]), false)),
    ] as const;
  });
  return Object.fromEntries(restored);
}
