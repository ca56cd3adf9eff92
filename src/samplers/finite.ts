import * as tf from "../tfjs.js";
import { fail } from "../check.js";

/** Looks at tensors without waiting for their values, and says afterwards whether all of them were finite. */
export interface FiniteWatch {
  /** Within a `tf.tidy` or without; the tensor may be gone by the time of the check. */
  look(tensor: tf.Tensor, expected: string): void;
  /** Throws, naming the first that was not; one read for all. */
  check(where: string): Promise<void>;
  dispose(): void;
}

/** By means, since a mean is finite only if all of its numbers are. */
export function watchFinite(): FiniteWatch {
  const seen: { readonly expected: string; readonly mean: tf.Scalar }[] = [];
  return {
    look(tensor, expected) {
      seen.push({ expected, mean: tf.tidy(() => tf.keep(tf.mean<tf.Scalar>(tensor))) });
    },
    async check(where) {
      const all = tf.stack(seen.map(({ mean }) => mean));
      const means = await all.data().finally(() => {
        all.dispose();
      });
      const at = means.findIndex((mean) => !Number.isFinite(mean));
      if (at >= 0) fail(where, seen[at]!.expected, means[at]);
    },
    dispose() {
      tf.dispose(seen.map(({ mean }) => mean));
    },
  };
}
