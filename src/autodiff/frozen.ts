import * as tf from "../tfjs.js";
import { differentiate } from "./differentiate.js";

/**
 * f(x), through which a gradient reaches x and nothing else: a network's weights that `f` reads are constants. The tape
 * keeps x alone; the backward pass runs `f` again, so it must give the same again.
 */
export function frozen<T extends tf.Tensor>(f: (x: T) => T, x: T): T {
  const operation = tf.customGrad<T>((...parts) => {
    const save = parts[1] as (tensors: tf.Tensor[]) => void;
    const value = f(x);
    save([x]); // once f has not thrown: nothing would free what was saved before
    return {
      value: value.clone(), // it may be x
      gradFunc: (dy, saved) =>
        tf.tidy(() => {
          const [again] = saved as [T];
          return differentiate(() => f(again), [again], dy).grads[0] ?? tf.zerosLike(again);
        }),
    };
  });
  return operation(x);
}
