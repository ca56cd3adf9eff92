import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { differentiate } from "../../src/autodiff/differentiate.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

const values = (tensor: tf.Tensor | undefined) => [...tensor!.dataSync()];
const run = <T extends tf.Tensor>(gradient: (dy: T, saved: tf.Tensor[]) => T[], ...inputs: T[]) =>
  tf.customGrad<T>((...parts) => {
    const save = parts[inputs.length] as (tensors: tf.Tensor[]) => void;
    save([...inputs]);
    return { value: tf.mul(tf.addN(inputs), 1), gradFunc: gradient };
  })(...inputs);

describe("differentiate", () => {
  it("holds in its backward pass what is still needed, not all that was", async () => {
    const x = tf.ones([1000]);
    let forward = 0;
    const chain = () => {
      let y: tf.Tensor = x;
      for (let i = 0; i < 50; i++) y = tf.tidy(() => tf.mul(tf.square(y), 0.5)); // keeps two tensors
      forward = tf.memory().numBytes;
      return tf.sum(y);
    };
    const start = tf.memory().numBytes;
    const { peakBytes } = await tf.profile(() => {
      tf.dispose(Object.values(differentiate(chain, [x])));
    });
    // TensorFlow.js itself would hold two more tensors for each of the fifty rounds.
    expect(forward - start).toBeGreaterThan(100 * x.size * 4);
    expect(peakBytes - forward).toBeLessThan(5 * x.size * 4);
    expect(tf.memory().numBytes).toBe(start);
    x.dispose();
  });

  it("takes gradients that share a tensor with each other, with dy or with what was saved", () => {
    const gradients = tf.tidy(() => {
      const [a, b] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 5])];
      const y = () => {
        const [a2, b2] = [tf.square(a), tf.square(b)];
        const passed = run((dy) => [dy, dy], a2, b2);
        const summed = run(
          (dy) => [dy],
          run((_, saved) => [saved[0] as tf.Tensor1D], passed),
        );
        return tf.sum(summed);
      };
      return differentiate(y, [a, b]).grads.map(values);
    });
    // The middle operation claims its input for a gradient: a^2 + b^2, times 2 a and 2 b.
    expect(gradients).toEqual([
      [20, 116],
      [60, 290],
    ]);
  });

  it("runs within another backward pass, and gives second derivatives where it is recorded", () => {
    const x = tf.tensor1d([1, 2]);
    const cube = (t: tf.Tensor) => tf.mul(tf.square(t), t);
    const inner = (t: tf.Tensor1D) =>
      tf.customGrad<tf.Tensor1D>((input, save) => {
        (save as (tensors: tf.Tensor[]) => void)([input as tf.Tensor]);
        return {
          value: cube(input as tf.Tensor) as tf.Tensor1D,
          gradFunc: (dy, [saved]) => differentiate(() => cube(saved!), [saved!], dy).grads[0] as tf.Tensor1D,
        };
      })(t);
    tf.tidy(() => {
      const { grads } = differentiate(() => tf.sum(tf.square(inner(x))), [x]);
      expect(values(grads[0])).toEqual([6, 192]); // of x^6
      const second = tf.grad((t) => differentiate(() => tf.sum(cube(t)), [t]).grads[0]!);
      expect(values(second(x))).toEqual([6, 12]);
      const third = tf.grad(tf.grad((t) => inner(t as tf.Tensor1D)));
      expect(values(third(x))).toEqual([6, 12]);
    });
    x.dispose();
  });

  it("leaves nothing behind when f or a gradient fails, nor breaks the pass around it", () => {
    const x = tf.tensor1d([1, 2]);
    const before = tf.memory().numTensors;
    const failing = (t: tf.Tensor) =>
      run(() => {
        throw new Error("backwards");
      }, tf.square(t));
    expect(() => differentiate(() => tf.sum(failing(x)), [x])).toThrow("backwards");
    const forwards = () => {
      tf.square(x);
      throw new Error("forwards");
    };
    expect(() => differentiate(forwards, [x])).toThrow("forwards");
    expect(tf.memory().numTensors).toBe(before);
    tf.tidy(() => {
      const outer = () => {
        const y = tf.square(x);
        const caught = run((dy) => {
          expect(() => differentiate(() => tf.sum(failing(x)), [x])).toThrow("backwards");
          return [tf.mul(dy, 1)];
        }, y);
        return tf.sum(caught);
      };
      expect(values(differentiate(outer, [x]).grads[0])).toEqual([2, 4]);
    });
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
  });
});
