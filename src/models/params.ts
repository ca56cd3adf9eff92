import * as tf from "../tfjs.js";
import { MOST } from "../bounds.js";
import {
  check,
  checkNamed,
  checkSameEntries,
  checkTensors,
  checkVariables,
  fail,
  isTensor,
} from "../check.js";
import type { Rng } from "../rng.js";
import type { Params } from "../types.js";

/** One weight a network declares: its shape and how it starts. */
export interface ParamSpec {
  readonly shape: readonly number[];
  readonly initialise: (rng: Rng, shape: readonly number[]) => tf.Variable;
}

/** All weights of a network by name: `init`, the parameter count and the check of foreign weights derive from it. */
export type ParamSpecs = Readonly<Record<string, ParamSpec>>;

/** The specs themselves, unless they ask for more weights than anything here can hold. */
export function boundedSpecs(specs: ParamSpecs, where: string): ParamSpecs {
  const sizes = Object.values(specs).map(({ shape }) => shape.reduce((product, size) => product * size, 1));
  const weights = sizes.reduce((sum, size) => sum + size, 0);
  check(weights <= MOST.weights, where, `a network of at most ${MOST.weights} weights`, weights);
  return specs;
}

/** The parameter `name`, or an error that names it. */
export function param(params: Params, name: string): tf.Variable {
  return params[name] ?? fail("param", `a parameter named ${name}`, Object.keys(params));
}

/** New weights; each draws from a stream of its own, so that no weight depends on which others exist. */
export function initParams(specs: ParamSpecs, rng: Rng): Params {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, initialise }]) => [name, initialise(rng.fork(name), shape)]),
  );
}

/** Throws unless `params` has the names and shapes of `specs`, no more and no less. */
export function checkParams(params: Params, specs: ParamSpecs, where: string): void {
  checkNamed(params, where, "params, weights by name");
  for (const [name, { shape }] of Object.entries(specs)) {
    const found = params[name];
    check(found !== undefined, where, `a parameter ${name} [${shape.join(", ")}]`, "none of that name");
    const same =
      isTensor(found) &&
      found.rank === shape.length &&
      shape.every((size, axis) => size === found.shape[axis]);
    check(same, where, `${name} to have shape [${shape.join(", ")}]`, found);
  }
  const unknown = Object.keys(params).find((name) => !Object.hasOwn(specs, name));
  check(unknown === undefined, where, "no parameters but the network's own", unknown);
  checkTensors(params, where);
}

/**
 * The number of trainable weights; batch-norm statistics do not count.
 *
 * @param params weights of any network
 * @returns how many numbers training changes
 * @example
 * ```ts
 * import { countParameters, createRng, disposeParams, unet } from "cfd-distill";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * console.log(countParameters(params));
 * disposeParams(params);
 * ```
 */
export function countParameters(params: Params): number {
  checkVariables(params, "countParameters");
  return Object.values(params).reduce((sum, variable) => sum + (variable.trainable ? variable.size : 0), 0);
}

/**
 * Copies weights, for instance so that a student starts from its teacher.
 *
 * @param params weights of any network; unchanged
 * @returns new variables of the same names and values; the caller disposes them
 * @example
 * ```ts
 * import { cloneParams, createRng, disposeParams, unet } from "cfd-distill";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const teacher = network.init(createRng(0));
 * const student = cloneParams(teacher);
 * disposeParams(teacher);
 * disposeParams(student);
 * ```
 */
export function cloneParams(params: Params): Params {
  checkVariables(params, "cloneParams");
  checkTensors(params, "cloneParams");
  return Object.fromEntries(
    Object.entries(params).map(([name, variable]) => [name, cloneVariable(variable)]),
  );
}

/**
 * Loads weights into a network that exists already. **Changes `params` in place**, all of them or, on an error, none.
 *
 * @param params the weights to overwrite
 * @param from the weights to load, e.g. a checkpoint's `ema`; they are not changed
 * @throws if the two do not have the same names and shapes; the error says which differ; or if a weight was disposed
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { assignParams } from "cfd-distill";
 * const [student, teacher] = tf.tidy(() => [{ w: tf.variable(tf.scalar(0)) }, { w: tf.variable(tf.scalar(5)) }] as const);
 * assignParams(student, teacher);
 * console.log(await student.w.data()); // [5]
 * tf.dispose([student, teacher]);
 * ```
 */
export function assignParams(params: Params, from: Params): void {
  checkSameEntries(params, from, "assignParams", "the weights of this network");
  checkVariables(params, "assignParams");
  for (const weights of [params, from]) checkTensors(weights, "assignParams");
  tf.tidy(() => {
    for (const [name, weight] of Object.entries(params)) weight.assign(from[name]!.clone());
  });
}

/**
 * Frees weights. Mutates: the variables cannot be used afterwards.
 *
 * @param params weights of any network
 * @example
 * ```ts
 * import { createRng, disposeParams, unet } from "cfd-distill";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * disposeParams(network.init(createRng(0)));
 * ```
 */
export function disposeParams(params: Params): void {
  checkVariables(params, "disposeParams");
  for (const variable of Object.values(params)) variable.dispose();
}

function cloneVariable(variable: tf.Variable): tf.Variable {
  // A product has a buffer of its own; a clone would share the original's.
  return tf.tidy(() => tf.variable(tf.mul(variable, 1), variable.trainable));
}
