import * as tf from "../../tfjs.js";
import { check, fail, checkSameEntries } from "../../check.js";
import { fromFloat32, toFloat32, type StateDict, type StoredTensor } from "../../formats/state-dict.js";
import { isRunningStatistic } from "../../models/batch-norm.js";
import { networkFromConfig, specsOf } from "../../models/network-config.js";
import { checkImageShape } from "../../models/unet-config.js";
import type { Params } from "../../types.js";
import type { Metadata } from "./metadata.js";
import type { OptimizerState } from "../optimizer.js";

/** The tensors of a checkpoint on the host, by the part they belong to. */
export interface CheckpointTensors {
  readonly params: StateDict;
  readonly ema: StateDict | undefined;
  readonly optimizer: OptimizerState | undefined;
}

/** All parts as one state dict: `params/NAME`, `ema/NAME`, `optimizer/SLOT/NAME`. */
export function joinTensors({ params, ema, optimizer }: CheckpointTensors): StateDict {
  const slots = Object.entries(optimizer?.slots ?? {});
  return Object.assign(
    prefixed("params/", params),
    prefixed("ema/", ema ?? {}),
    ...slots.map(([slot, moments]) => prefixed(`optimizer/${slot}/`, moments)),
  ) as StateDict;
}

/** The reverse of {@link joinTensors}; throws unless the parts belong together. */
export function splitTensors(tensors: StateDict, metadata: Metadata, where: string): CheckpointTensors {
  const [params, ema, slots] = [record<StoredTensor>(), record<StoredTensor>(), record<StateDict>()];
  for (const slot of metadata.optimizer?.slots ?? []) slots[slot] = record();
  for (const [key, tensor] of Object.entries(tensors)) {
    const [, part, slot = "", name = ""] = /^(params|ema|optimizer\/([^/]*))\/(.*)$/s.exec(key) ?? [];
    check(part !== undefined, where, "tensors in params/, ema/ or optimizer/SLOT/", key);
    const group = part === "params" ? params : part === "ema" ? ema : slots[slot];
    if (group === undefined) fail(where, "tensors of the slots that the optimiser's metadata list", key);
    group[name] = tensor;
  }
  const optimizer = metadata.optimizer && { ...metadata.optimizer, slots };
  const found = { params, ema: Object.keys(ema).length > 0 ? ema : undefined, optimizer };
  checkTogether(found, metadata, where);
  return found;
}

/**
 * Throws unless the weights and the images have the shapes of the network's own, the averages the entries of the weights,
 * and the optimiser's slots those of the trainable ones.
 */
export function checkTogether(
  { params, ema, optimizer }: CheckpointTensors,
  { network, statistics, imageShape, classNames }: Metadata,
  where: string,
): void {
  check(Object.keys(params).length > 0, where, "at least one weight in params", "none");
  const { config } = networkFromConfig(network);
  checkSameEntries(specsOf(config), params, where, "params with the entries of the network");
  if (imageShape) {
    if (!("multipliers" in config)) fail(where, "no imageShape, as the network draws none", imageShape);
    checkImageShape(imageShape, config, where, "imageShape");
  }
  if (classNames) {
    const { classes = 0 } = config;
    check(classNames.length === classes, where, `classNames of ${classes} classes`, classNames);
  }
  const unknown = statistics.find((name) => !Object.hasOwn(params, name));
  check(unknown === undefined, where, "statistics among params", unknown);
  const trained = Object.keys(params).find((name) => isRunningStatistic(name) && !statistics.includes(name));
  check(trained === undefined, where, "every running mean and variance among statistics", trained);
  if (ema) checkSameEntries(params, ema, where, "ema with the entries of params");
  const frozen = new Set(statistics);
  const trainable = Object.fromEntries(Object.entries(params).filter(([name]) => !frozen.has(name)));
  for (const [slot, moments] of Object.entries(optimizer?.slots ?? {})) {
    const untouched = optimizer?.step === 0 && Object.keys(moments).length === 0;
    if (untouched) continue;
    checkSameEntries(
      trainable,
      moments,
      where,
      `the optimiser's ${slot} with the entries of the trainable params`,
    );
  }
}

/** Throws, saying where, at the first value that is NaN or infinite. */
export function checkFinite({ params, ema = {}, optimizer }: CheckpointTensors, where: string): void {
  const parts = { params, ema, ...optimizer?.slots };
  for (const [part, tensors] of Object.entries(parts)) {
    for (const [name, { data }] of Object.entries(tensors)) {
      const at = (data as Float32Array).findIndex((value) => !Number.isFinite(value));
      const what = `finite numbers in "${name}" of ${part}, unless allowNonFinite is true`;
      check(at < 0, where, what, `${data[at] ?? ""} at position ${at}`);
    }
  }
}

/** Weights rounded to what files ship; throws where a number is too large for 16 bits. */
export function shrink(tensors: StateDict, dtype: "F32" | "F16", where: string): StateDict {
  check(dtype === "F32" || dtype === "F16", where, "dtype F32 or F16", dtype);
  if (dtype === "F32") return tensors;
  const entries = Object.entries(tensors).map(([name, tensor]) => {
    const values = toFloat32(tensor);
    const large = values.find((value) => Number.isFinite(value) && Math.abs(value) >= 65520);
    check(large === undefined, where, `"${name}" within the range of F16`, large);
    return [name, fromFloat32(values, tensor.shape, dtype)] as const;
  });
  return Object.fromEntries(entries);
}

/** Weights as variables; those named in `statistics` are not trainable. */
export function toParams(tensors: StateDict, statistics: readonly string[]): Params {
  const frozen = new Set(statistics);
  const make = (name: string, tensor: StoredTensor) =>
    tf.tidy(() => tf.variable(tf.tensor(toFloat32(tensor), [...tensor.shape]), !frozen.has(name)));
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, make(name, tensor)]));
}

function prefixed(prefix: string, tensors: StateDict): StateDict {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}

/** Names come from a file: without a prototype, "__proto__" is a name like any other. */
function record<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}
