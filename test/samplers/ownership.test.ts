import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  accumulateGrads,
  cfdLoss,
  classifier,
  consistencyLoss,
  cosineSchedule,
  denoiser,
  denoisingLoss,
  noise,
  predict,
  progressiveLoss,
  progressiveTarget,
  recompute,
  sampleAncestral,
  sampleConsistency,
  sampleDdim,
  sampleDpmSolver2M,
  sampleHeun,
  scoreDistillationLoss,
  valueAndGrads,
  withGuidance,
  type Classifier,
  type Denoiser,
  type PredictionType,
} from "../../src/index.js";
import { fromGraphModel, fromLayersModel } from "../../src/adapters/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

// What a model returns may be its input, or a tensor that it returns each time. Neither is ours to dispose, and what we
// return is the caller's to dispose.

onCpuWithoutLeaks();

const schedule = cosineSchedule();
const seeds = [1, 2];
let zT: tf.Tensor4D;
let constant: tf.Tensor4D;
let row: tf.Tensor2D;

beforeAll(() => {
  [zT, constant] = [noise(seeds, [2, 2, 3]), noise([8, 9], [2, 2, 3])];
  row = tf.tensor2d([[1, 2], [3, 4]]); // prettier-ignore
});
afterAll(() => {
  tf.dispose([zT, constant, row]);
});

const kinds = { identity: (zt: tf.Tensor4D) => zt, constant: () => constant };
const types = ["x0", "eps", "v", "flow"] as const;
const cases = Object.keys(kinds).flatMap((kind) =>
  types.map((type) => [kind as keyof typeof kinds, type] as const),
);
const modelOf = (kind: keyof typeof kinds, predictionType: PredictionType): Denoiser =>
  Object.assign((zt: tf.Tensor4D) => kinds[kind](zt), { predictionType });

/** Runs `f`, disposes what it returns, and looks whether the inputs are alive. */
async function keepsInputs(f: () => object | Promise<object>): Promise<void> {
  const before = tf.memory().numTensors;
  tf.dispose((await f()) as tf.TensorContainer);
  for (const tensor of [zT, constant, row]) expect(tensor.isDisposed).toBe(false);
  expect(tf.memory().numTensors).toBe(before);
}

const samplers = { sampleDdim, sampleAncestral, sampleConsistency, sampleDpmSolver2M, sampleHeun };

describe.each(cases)("a denoiser that returns its %s as %s", (kind, type) => {
  const model = modelOf(kind, type);

  it.each(Object.keys(samplers) as (keyof typeof samplers)[])("%s", async (name) => {
    for (const clip of [false, "x0", true] as const) {
      for (const steps of [1, 3]) {
        const times = Array.from({ length: steps + 1 }, (_, i) => 0.9 - (0.8 * i) / steps);
        await keepsInputs(() => samplers[name](model, schedule, zT, { times, clip, seeds }));
      }
    }
    const guided = { times: [0.9, 0.5], clip: false, seeds, labels: [0, 1], guidance: 2 };
    if (kind === "identity") await keepsInputs(() => samplers[name](model, schedule, zT, guided));
  });

  it("predict, guidance, targets and losses", async () => {
    const times = [0.5, 0.5];
    const batch = { schedule, x0: constant, eps: zT, times };
    const halved = { ...batch, student: model, studentSteps: 2 };
    const judge: Classifier = () => ({ logits: row, features: row });
    for (const clip of [false, "x0", true] as const) {
      await keepsInputs(() => predict(model, schedule, zT, times, { clip }));
    }
    if (kind === "identity") await keepsInputs(() => withGuidance(model, 3)(zT, times, [0, 1]));
    const target = progressiveTarget(model, schedule, zT, times, { studentSteps: 2 });
    await keepsInputs(() => denoisingLoss({ ...batch, denoiser: model }));
    await keepsInputs(() => progressiveLoss({ ...halved, teacher: model }));
    await keepsInputs(() => progressiveLoss({ ...halved, target }));
    await keepsInputs(() => cfdLoss({ ...halved, teacher: model, classifier: judge, temperature: 0.9 }));
    await keepsInputs(() => cfdLoss({ ...halved, target, classifier: judge, temperature: 0.9 }));
    const apart = { schedule, eps: zT, times };
    for (const distance of ["l2", { huber: 0.1 }] as const) {
      const earlier = [0, 0.25];
      const given = { ...apart, x0: constant, student: model, earlier, distance };
      await keepsInputs(() => consistencyLoss(given));
      await keepsInputs(() => consistencyLoss({ ...given, teacher: model, average: model }));
    }
    for (const variant of ["vsd", "sid"] as const) {
      const given = { ...apart, images: constant, teacher: model, critic: model, variant };
      await keepsInputs(() => scoreDistillationLoss(given));
    }
    expect([target.x0.isDisposed, target.eps.isDisposed]).toEqual([false, false]);
    tf.dispose(target);
  });
});

describe("networks and models", () => {
  it("a network that returns its input, or one tensor each time", async () => {
    const network = (apply: (zt: tf.Tensor4D) => tf.Tensor4D) => ({
      config: { type: "own" },
      init: () => ({}),
      apply: (_: unknown, zt: tf.Tensor4D) => apply(zt),
    });
    for (const apply of Object.values(kinds)) {
      await keepsInputs(() => denoiser(network(apply), {}, "x0")(zT, [1, 1]));
    }
  });

  it("a classifier whose logits and features are one tensor, the same each time", async () => {
    const classify = classifier({ apply: () => ({ logits: row, features: row }) }, {});
    await keepsInputs(() => classify(zT));
    const { logits, features } = classify(zT);
    logits.dispose();
    expect(await features.data()).toEqual(await row.data());
    features.dispose();
  });

  it("a tf.LayersModel that hands its input on", async () => {
    const input = tf.input({ shape: [2, 2, 3] });
    const time = tf.input({ shape: [] });
    const identity = tf.layers.activation({ activation: "linear" }).apply(input) as tf.SymbolicTensor;
    const model = tf.model({ inputs: [input, time], outputs: identity });
    await keepsInputs(() => fromLayersModel(model, { predictionType: "x0" })(zT, [1, 1]));
    const pooled = tf.layers.globalAveragePooling2d({}).apply(input) as tf.SymbolicTensor;
    const same = fromLayersModel(tf.model({ inputs: input, outputs: pooled }), { logits: 0, features: 0 });
    const { logits, features } = same(zT);
    logits.dispose();
    expect(features.shape).toEqual([2, 3]);
    expect((await features.data()).length).toBe(6);
    features.dispose();
  });

  it("a tf.GraphModel whose output is its input", async () => {
    const type = { type: "DT_FLOAT" };
    const node = (name: string) => ({ name, op: "Placeholder", attr: { dtype: type } });
    const output = { name: "out", op: "Identity", input: ["zt", "^time"], attr: { T: type } };
    const graph = { node: [node("zt"), node("time"), output], versions: { producer: 1 } };
    const source = { modelTopology: graph, weightSpecs: [], weightData: new ArrayBuffer(0) };
    const model = tf.loadGraphModelSync(source);
    await keepsInputs(() => fromGraphModel(model, { predictionType: "x0" })(zT, [1, 1]));
    model.dispose();
  });
});

describe("onStep", () => {
  it.each(Object.keys(samplers) as (keyof typeof samplers)[])(
    "may dispose what %s shows it",
    async (name) => {
      const run = (onStep?: (step: { zt: tf.Tensor; x0: tf.Tensor }) => void) =>
        samplers[name](modelOf("constant", "x0"), schedule, zT, {
          steps: 3,
          seeds,
          clip: false,
          ...(onStep && { onStep }),
        });
      const whole = await run();
      const looked = await run(({ zt, x0 }) => {
        tf.dispose([zt, x0]);
      });
      expect(await looked.data()).toEqual(await whole.data());
      tf.dispose([whole, looked]);
    },
  );
});

describe("training", () => {
  it("a loss that is a weight itself: its term can be disposed, the weight stays", async () => {
    const w = tf.tidy(() => tf.variable(tf.scalar(3)));
    const { terms, grads } = valueAndGrads(() => ({ loss: w }), { w });
    expect([await terms.loss.data(), await grads.w!.data()]).toEqual([
      Float32Array.of(3),
      Float32Array.of(1),
    ]);
    tf.dispose([terms, grads]);
    expect(w.isDisposed).toBe(false);
    const all = accumulateGrads(2, () => valueAndGrads(() => ({ loss: w }), { w }));
    tf.dispose([all.terms, all.grads]);
    expect(w.isDisposed).toBe(false);
    w.dispose();
  });

  it("recompute of a function that returns an input, a weight or a constant", async () => {
    const w = tf.tidy(() => tf.variable(tf.zeros([2, 2, 2, 3])));
    for (const f of [() => zT, () => w as tf.Tensor, () => constant]) {
      await keepsInputs(() => recompute(f, { inputs: [zT], params: { w } }));
      expect(w.isDisposed).toBe(false);
    }
    w.dispose();
  });
});
