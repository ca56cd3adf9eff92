import * as tf from "@tensorflow/tfjs";
import { copyOf } from "../backends/engine.js";
import { check } from "../check.js";
import { trainableEntries } from "../training/params.js";
import type { Grads, LossTerms, Params } from "../types.js";
import type { Layout } from "./layout.js";
import type { Rows } from "./protocol.js";

type Numbers = Readonly<Record<string, number>>;

/** The batch's terms: what the workers' parts of them add up to, in the workers' order. */
export function sumTerms(parts: readonly Numbers[]): LossTerms {
  const names = Object.keys(parts[0]!);
  for (const part of parts) {
    const got = Object.keys(part);
    const same = got.length === names.length && got.every((name) => names.includes(name));
    check(same, "Replicas.valueAndGrads", `every worker to report the terms ${names.join(", ")}`, got);
  }
  const sum = (name: string) => parts.reduce((total, part) => total + part[name]!, 0);
  return Object.fromEntries(names.map((name) => [name, tf.scalar(sum(name))])) as LossTerms;
}

/** The batch's gradients likewise, in the order of `params`. */
export function sumGrads(layout: Layout, params: Params, parts: readonly Float32Array[]): Grads {
  const entries = new Map(layout.map((entry) => [entry.name, entry]));
  return Object.fromEntries(
    Object.keys(trainableEntries(params)).map((name) => {
      const { shape, offset, size } = entries.get(name)!;
      const sum = tf.tidy(() => {
        const [first, ...others] = parts.map((all) => copyOf(all.subarray(offset, offset + size), shape));
        return others.reduce((a, b) => tf.add(a, b), first!);
      });
      return [name, sum];
    }),
  );
}

/** The workers' rows below one another. */
export function joinRows(parts: readonly Rows[]): tf.Tensor {
  const { shape, dtype } = parts[0]!;
  const row = shape.slice(1);
  const kinds = parts.map((part) => `[${part.shape.slice(1).join(", ")}] ${part.dtype}`);
  check(
    kinds.every((kind) => kind === kinds[0]),
    "Replicas.outputs",
    "rows of one shape and type from every worker",
    kinds,
  );
  const size = parts.reduce((sum, { data }) => sum + data.length, 0);
  const all = dtype === "int32" ? new Int32Array(size) : new Float32Array(size);
  let at = 0;
  for (const { data } of parts) {
    all.set(data, at);
    at += data.length;
  }
  const count = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  return tf.tensor(all, [count, ...row], dtype);
}
