import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { concat } from "../../src/backends/wasm/operations/copy.js";
import { createRng, useBackend } from "../../src/index.js";

const rng = createRng(5);

function normal<R extends tf.Rank>(...shape: tf.ShapeMap[R]): tf.Tensor<R> {
  return tf.tensor(rng.normals(tf.util.sizeFromShape(shape)), shape);
}

/** The product by its definition, in float64. */
function product(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  [rows, inner, columns]: [number, number, number],
) {
  return Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a[row * inner + k]! * b[k * columns + column]!;
    return sum;
  });
}

async function expectProduct(a: tf.Tensor2D, b: tf.Tensor2D, c = tf.matMul(a, b)): Promise<void> {
  const expected = product(await a.data(), await b.data(), [a.shape[0], a.shape[1], b.shape[1]]);
  const actual = await c.data();
  expected.forEach((value, i) => {
    expect(actual[i]).toBeCloseTo(value, 4);
  });
  c.dispose();
}

beforeAll(() => useBackend("wasm"));

describe("matMul on wasm", () => {
  it("gives no stale numbers when one buffer is used in two shapes", async () => {
    const b = normal<tf.Rank.R2>(6, 4);
    const reshaped: tf.Tensor2D = tf.reshape(b, [4, 6]); // shares the buffer
    const [wide, narrow] = [normal<tf.Rank.R2>(3, 6), normal<tf.Rank.R2>(3, 4)];
    await expectProduct(wide, b);
    await expectProduct(narrow, reshaped);
    await expectProduct(wide, b);
    tf.dispose([b, reshaped, wide, narrow]);
  });

  it("gives no stale numbers after the right-hand side was assigned", async () => {
    const a = normal<tf.Rank.R2>(3, 5);
    const b = tf.variable(normal<tf.Rank.R2>(5, 4));
    for (let step = 0; step < 3; step++) {
      await expectProduct(a, b);
      const next = normal<tf.Rank.R2>(5, 4);
      b.assign(next);
      next.dispose();
    }
    tf.dispose([a, b]);
  });

  it("broadcasts either side over a batch", async () => {
    const [a, b] = [normal<tf.Rank.R3>(3, 4, 5), normal<tf.Rank.R2>(5, 6)];
    const [shared, nested] = [
      tf.matMul(a, tf.expandDims(b)),
      tf.matMul(tf.expandDims(a), tf.reshape(b, [1, 1, 5, 6])),
    ];
    expect(nested.shape).toEqual([1, 3, 4, 6]);
    expect(await nested.data()).toEqual(await shared.data());
    for (let i = 0; i < 3; i++) {
      const row: tf.Tensor2D = tf.squeeze(tf.slice(a, [i], [1]), [0]);
      await expectProduct(row, b, tf.squeeze(tf.slice(shared, [i], [1]), [0]));
    }
    const left = tf.matMul(tf.ones([1, 2, 4]), a);
    expect(left.shape).toEqual([3, 2, 5]);
    const sums = await tf.sum(a, 1).data();
    expect(
      (await tf.slice(left, [0, 1], [-1, 1]).data()).every((x, i) => Math.abs(x - sums[i]!) < 1e-5),
    ).toBe(true);
  });

  it("is zero over nothing, and refuses integers", async () => {
    const empty = tf.matMul(tf.zeros([2, 0]), tf.zeros([0, 3]));
    expect(await empty.data()).toEqual(new Float32Array(6));
    expect(() => tf.matMul(tf.zeros([2, 2], "int32"), tf.zeros([2, 2], "int32"))).toThrow(/float32/);
  });
});

describe("a sample on wasm", () => {
  const sample = <T extends tf.Tensor>(x: T, i: number): T => tf.slice(x, [i], [1]);
  const conv = (filter: tf.Tensor4D, stride: 1 | 2) => (x: tf.Tensor) =>
    tf.conv2d(x as tf.Tensor4D, filter, stride, "same");
  const operations: [string, tf.Tensor, (x: tf.Tensor) => tf.Tensor][] = [];
  beforeAll(() => {
    for (const [size, inputs, outputs, kernel, stride] of [
      [16, 3, 32, 3, 1],
      [8, 64, 64, 3, 2],
      [5, 13, 9, 1, 1],
      [1, 64, 64, 3, 1],
      [3, 7, 5, 3, 1],
    ] as const) {
      const forward = conv(normal<tf.Rank.R4>(kernel, kernel, inputs, outputs), stride);
      const x = normal<tf.Rank.R4>(4, size, size, inputs);
      operations.push(["conv2d", x, forward]);
      operations.push(["conv2d input gradient", x, tf.grad((y) => tf.sum(tf.square(forward(y))))]);
    }
    for (const [inner, columns] of [
      [64, 128],
      [32, 10],
      [3, 5],
      [16, 1],
    ] as const) {
      // prettier-ignore
      const b = normal<tf.Rank.R2>(inner, columns);
      operations.push(["matMul", normal<tf.Rank.R2>(4, inner), (x) => tf.matMul(x, b)]);
      const queries = (x: tf.Tensor) => tf.matMul(x, x, false, true);
      operations.push(["batched matMul", normal<tf.Rank.R3>(4, 9, inner), queries]);
    }
    operations.push(["softmax", normal<tf.Rank.R3>(4, 9, 7), (x) => tf.softmax(x)]);
  });

  it("does not depend on the batch it is computed in, to the last bit", async () => {
    for (const [name, x, f] of operations) {
      const together = f(x);
      for (let i = 0; i < 4; i++) {
        const [alone, cut] = [f(sample(x, i)), sample(together, i)];
        expect(await alone.data(), name).toEqual(await cut.data());
        tf.dispose([alone, cut]);
      }
    }
  });
});

describe("memory on wasm", () => {
  it("stays flat over 2000 steps that each use fresh filters and right-hand sides", async () => {
    const [x, filter] = [normal<tf.Rank.R4>(2, 8, 8, 8), normal<tf.Rank.R4>(3, 3, 8, 8)];
    const point = normal<tf.Rank.R4>(1, 1, 8, 8);
    const loss = (w: tf.Tensor, p: tf.Tensor) => {
      const h = tf.conv2d(
        tf.conv2d(x, tf.mul<tf.Tensor4D>(w, 1), 1, "same"),
        tf.mul<tf.Tensor4D>(p, 1),
        1,
        "same",
      );
      const flat = tf.reshape(h, [2, 64, 8]);
      return tf.sum(tf.matMul(flat, tf.matMul(flat, flat, true, false)));
    };
    const step = () => {
      tf.dispose(tf.grads(loss)([filter, point]));
    };
    const heap = () => (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength;
    for (let i = 0; i < 50; i++) step();
    const before = { tensors: tf.memory().numTensors, buffers: tf.memory().numDataBuffers, heap: heap() };
    for (let i = 0; i < 2000; i++) step();
    const after = { tensors: tf.memory().numTensors, buffers: tf.memory().numDataBuffers, heap: heap() };
    expect(after).toEqual(before);
    tf.dispose([x, filter, point]);
    await Promise.resolve();
  });
});

describe("copies on wasm", () => {
  it("are not made by a clone or a cast to the same type, and outlive what they are of", async () => {
    const x = normal<tf.Rank.R2>(3, 4);
    const values = (await x.data()).slice();
    const before = tf.memory();
    const [clone, same] = [x.clone(), tf.cast(x, "float32")];
    expect(tf.memory()).toMatchObject({ numDataBuffers: before.numDataBuffers });
    expect(tf.memory().numTensors).toBe(before.numTensors + 2);
    x.dispose();
    clone.dispose();
    expect(await same.data()).toEqual(values);
    same.dispose();
    expect(tf.memory().numTensors).toBe(before.numTensors - 1);
    const variable = tf.variable(tf.ones([2]));
    const old = variable.clone();
    tf.tidy(() => {
      variable.assign(tf.zeros([2]));
    });
    expect(await old.data()).toEqual(Float32Array.of(1, 1));
    expect(await tf.cast(tf.tensor1d([1.7, -1.7]), "int32").data()).toEqual(Int32Array.of(1, -1));
    expect(await tf.tensor1d(["a"]).clone().data()).toEqual(["a"]);
  });

  it("keep integers, booleans and every bit of a number", async () => {
    const integers = tf.tensor2d([1, -2, 3, 4, 5, 6], [2, 3], "int32");
    expect(await tf.slice(integers, [0, 1], [2, 2]).data()).toEqual(Int32Array.of(-2, 3, 5, 6));
    expect(await tf.tile(integers, [1, 2]).data()).toEqual(
      Int32Array.of(1, -2, 3, 1, -2, 3, 4, 5, 6, 4, 5, 6),
    );
    const flags = tf.tensor2d([1, 0, 1, 1, 0, 0], [2, 3], "bool");
    expect(await tf.concat([flags, flags], 1).data()).toEqual(
      Uint8Array.of(1, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0),
    );
    const special = tf.tensor1d([NaN, -0, Infinity, 1e-40]);
    expect(await tf.slice(special, [0], [4]).data()).toEqual(Float32Array.of(NaN, -0, Infinity, 1e-40));
    const words = tf.tensor2d(["a", "b", "c", "d"], [2, 2]);
    expect(await tf.slice(words, [0, 1], [2, 1]).data()).toEqual(["b", "d"]);
    expect(await tf.concat([words, words], 1).data()).toEqual(["a", "b", "a", "b", "c", "d", "c", "d"]);
  });

  it("are the same where the library's own kernels cannot run", async () => {
    // An engine that no module was joined to, on the same memory.
    const bare = Object.create(tf.backend()) as tf.KernelBackend;
    for (const channels of [1, 3, 4, 17, 70, 300]) {
      const [a, b] = [normal<tf.Rank.R3>(5, 2, channels), normal<tf.Rank.R3>(5, 2, 33)];
      const stock = () => expect.unreachable();
      const info = concat(stock)({ inputs: [a, b] as unknown as tf.NamedTensorMap, backend: bare, attrs: { axis: 2 } }); // prettier-ignore
      const [own, other] = [
        tf.concat([a, b], 2),
        tf.engine().makeTensorFromTensorInfo(info as tf.TensorInfo),
      ];
      expect(await other.data()).toEqual(await own.data());
      const rows = own.arraySync();
      const parts = [a.arraySync(), b.arraySync()];
      expect(rows).toEqual(parts[0]!.map((x, i) => x.map((row, j) => [...row, ...parts[1]![i]![j]!])));
      tf.dispose([a, b, own, other]);
    }
  });

  it("take any box of any tensor", async () => {
    const axis = fc
      .integer({ min: 1, max: 5 })
      .chain((length) =>
        fc
          .tuple(fc.constant(length), fc.nat(length - 1))
          .chain(([all, begin]) =>
            fc.integer({ min: 1, max: all - begin }).map((size) => ({ all, begin, size })),
          ),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(axis, { minLength: 1, maxLength: 5 }), async (box) => {
        const shape = box.map(({ all }) => all);
        const x = tf.range(0, tf.util.sizeFromShape(shape)).reshape(shape);
        const part = tf.slice(
          x,
          box.map(({ begin }) => begin),
          box.map(({ size }) => size),
        );
        // Element by element: from a place in the box to that in the tensor.
        const expected = Array.from({ length: part.size }, (_, index) => {
          let rest = index;
          let [place, stride] = [0, 1];
          for (const { all, begin, size } of [...box].reverse()) {
            place += (begin + (rest % size)) * stride;
            rest = Math.floor(rest / size);
            stride *= all;
          }
          return place;
        });
        expect(Array.from(await part.data())).toEqual(expected);
        tf.dispose([x, part]);
      }),
    );
  });

  it("refuse a slice outside the tensor", () => {
    expect(() => tf.slice(tf.ones([2, 3]), [0, 2], [2, 2])).toThrow(/begin\[1\]|size/);
  });

  it("leave out ids outside the segments", async () => {
    const sums = tf.unsortedSegmentSum(
      tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]),
      tf.tensor1d([1, 7, 1], "int32"),
      3,
    );
    expect(await sums.data()).toEqual(Float32Array.of(0, 0, 6, 8, 0, 0));
  });
});
