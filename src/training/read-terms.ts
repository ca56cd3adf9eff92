import * as tf from "../tfjs.js";
import { check, checkNamed, checkOptions, fail, isTensor } from "../check.js";

/**
 * Reads named scalars back as numbers and stops a run that has gone wrong: a term that is NaN or infinite throws. Read the
 * loss's terms and the norm of `clipByGlobalNorm` before the gradients are applied, and no NaN gets into the weights. On a graphics card the update then starts when the
 * numbers have arrived, which takes a small part of a step.
 *
 * @param terms scalars by name, e.g. a loss's terms and the gradient norm; they are not disposed
 * @param options.step the training step, for the error message
 * @returns a number per term
 * @throws naming every term that is not finite, and the step; if a term is no scalar, or was disposed
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { readTerms } from "cfd-distill";
 * const terms = { loss: tf.scalar(0.5), norm: tf.scalar(2) };
 * console.log(await readTerms(terms, { step: 0 })); // { loss: 0.5, norm: 2 }
 * tf.dispose(terms);
 * ```
 */
export async function readTerms<K extends string>(
  terms: Readonly<Record<K, tf.Scalar>>,
  options: { readonly step?: number } = {},
): Promise<Record<K, number>> {
  checkNamed(terms, "readTerms", "scalars by name");
  checkOptions("readTerms", options, { step: true });
  const { step } = options;
  const isStep = step === undefined || (Number.isInteger(step) && step >= 0);
  check(isStep, "readTerms", "step to be an integer >= 0", step);
  for (const [name, term] of Object.entries<unknown>(terms)) {
    check(isTensor(term) && term.rank === 0, "readTerms", `${name} to be a scalar`, term);
    check(!term.isDisposed, "readTerms", `${name} to be a scalar in use`, "one that was disposed");
  }
  const names = Object.keys(terms) as K[];
  if (names.length === 0) return {} as Record<K, number>;
  const stacked = tf.stack(names.map((name) => terms[name])); // one read-back for all
  try {
    const values = await stacked.data<"float32">();
    const read = Object.fromEntries(names.map((name, i) => [name, values[i]!])) as Record<K, number>;
    checkFinite(read, step);
    return read;
  } finally {
    stacked.dispose();
  }
}

function checkFinite(terms: Readonly<Record<string, number>>, step: number | undefined): void {
  const bad = Object.entries(terms).filter(([, value]) => !Number.isFinite(value));
  if (bad.length === 0) return;
  const got = bad.map(([name, value]) => `${name} = ${value}`).join(", ");
  fail("readTerms", "every term to be finite", step === undefined ? got : `${got} at step ${step}`);
}
