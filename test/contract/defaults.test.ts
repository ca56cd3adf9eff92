import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  adam,
  cfdLoss,
  predictionLoss,
  disposeParams,
  classifier,
  cosineSchedule,
  createRng,
  denoisingLoss,
  discreteCosineSchedule,
  flowSchedule,
  drawTimes,
  inception,
  linearSchedule,
  noise,
  predict,
  progressiveLoss,
  resnet,
  densenet,
  sampleDdim,
  sgd,
  sigmoidSchedule,
  unet,
  type Denoiser,
  type NoiseSchedule,
  type Optimizer,
} from "../../src/index.js";
import { fromLayersModel } from "../../src/adapters/index.js";
import { inceptionScore, kernelDistance, precisionRecall } from "../../src/metrics/index.js";
import { imageGrid } from "../../src/data/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

// Each default is what the documentation says: the result without the option is the one with that value, to the bit, and
// another value gives another result.

onCpuWithoutLeaks();

type Result = ArrayLike<number> | Promise<ArrayLike<number>>;
type Row = readonly [name: string, value: unknown, other: unknown, run: (option: object) => Result];

const schedule = cosineSchedule();
const rows = (rng = createRng(4)) => ({ values: rng.normals(60), width: 2 });
const sets = () => [rows(), rows(createRng(5))] as const;
let zt: tf.Tensor4D;
beforeAll(() => {
  zt = noise([1, 2], [2, 2, 3]);
});
afterAll(() => {
  zt.dispose();
});

const modelOf = (predictionType: Denoiser["predictionType"]): Denoiser =>
  Object.assign((x: tf.Tensor4D) => tf.mul<tf.Tensor4D>(x, 1.5), { predictionType });
const [model, teacher] = [
  modelOf("x0"),
  Object.assign((x: tf.Tensor4D) => tf.cos<tf.Tensor4D>(x), { predictionType: "x0" as const }),
];
const judge = (images: tf.Tensor4D) => {
  const features = tf.reshape<tf.Rank.R2>(images, [images.shape[0], 12]);
  return { features, logits: tf.slice2d(features, [0, 0], [-1, 4]) };
};
const batch = () => ({ schedule, x0: zt, eps: tf.reverse4d(zt, 1), times: [0.5, 1] });
const lossOf = (f: () => { readonly loss: tf.Scalar }) => tf.tidy(() => Array.from(f().loss.dataSync()));
const numbers = (f: () => tf.Tensor) => tf.tidy(() => Array.from(f().dataSync()));
const curve = (made: NoiseSchedule) => [0, 0.1, 0.5, 0.9, 1].map((t) => made.alphaBar(t));
const cfd = (o: object) =>
  lossOf(() =>
    cfdLoss({
      ...batch(),
      student: model,
      teacher,
      classifier: judge,
      studentSteps: 2,
      temperature: 0.9,
      ...o,
    }),
  );

async function drawn(options: object): Promise<number[]> {
  const images = await sampleDdim(model, schedule, zt, { steps: 3, seeds: [1, 2], ...options });
  const values = Array.from(await images.data());
  images.dispose();
  return values;
}

/** Weights after three steps. */
function trained(optimizer: Optimizer): number[] {
  const params = { w: tf.tidy(() => tf.variable(tf.tensor1d([1, -2, 3]))) };
  for (const scale of [1, -0.5, 2]) {
    const grads = { w: tf.tensor1d([0.1 * scale, 1e-4, -2 * scale]) };
    optimizer.apply(params, grads);
    tf.dispose(grads);
  }
  const values = Array.from(params.w.dataSync());
  optimizer.dispose();
  params.w.dispose();
  return values;
}

const net = { channels: 8, multipliers: [1], attention: [], blocks: 1, timeScale: 8 };
const configOf = (config: object) =>
  Array.from(new TextEncoder().encode(JSON.stringify(config, Object.keys(config).sort())));
const unetOf = (o: object) => configOf(unet({ ...net, groups: 4, ...o }).config);
const picture = async (o: object) => {
  const images = tf.tidy(() => tf.clipByValue<tf.Tensor4D>(zt, -1, 1));
  const { data, width } = await imageGrid(images, { columns: 2, ...o });
  images.dispose();
  return [width, ...data];
};
const positions = (o: object) => {
  const [image, time] = [tf.input({ shape: [2, 2, 3] }), tf.input({ shape: [1] })];
  const wide = tf.layers.reshape({ targetShape: [1, 1, 1] }).apply(time);
  const tall = tf.layers.upSampling2d({ size: [2, 2] }).apply(wide);
  const rgb = tf.layers.concatenate().apply([tall, tall, tall] as tf.SymbolicTensor[]);
  const outputs = tf.layers.add().apply([image, rgb] as tf.SymbolicTensor[]) as tf.SymbolicTensor;
  return numbers(() =>
    fromLayersModel(tf.model({ inputs: [image, time], outputs }), { predictionType: "x0", ...o })(
      zt,
      [0.5, 1],
    ),
  );
};

const table: Record<string, readonly Row[]> = {
  cosineSchedule: [["s", 0, 0.1, (o) => curve(cosineSchedule(o))]],
  flowSchedule: [["shift", 1, 3, (o) => curve(flowSchedule(o))]],
  linearSchedule: [
    ["betaMin", 0.1, 0.2, (o) => curve(linearSchedule(o))],
    ["betaMax", 20, 19, (o) => curve(linearSchedule(o))],
  ],
  sigmoidSchedule: [
    ["start", -3, -2, (o) => curve(sigmoidSchedule(o))],
    ["end", 3, 2, (o) => curve(sigmoidSchedule(o))],
    ["tau", 1, 0.9, (o) => curve(sigmoidSchedule(o))],
  ],
  discreteCosineSchedule: [
    ["s", 0.008, 0.01, (o) => curve(discreteCosineSchedule(8, o))],
    ["maxBeta", 0.999, 0.9, (o) => curve(discreteCosineSchedule(8, o))],
  ],
  drawTimes: [["first", 1, 0, (o) => drawTimes(createRng(1), 50, 2, o)]],
  predict: [
    ["clip", false, true, (o) => numbers(() => predict(model, schedule, zt, [0.5, 1], o).x0)],
    ["clip", false, "x0", (o) => numbers(() => predict(model, schedule, zt, [0.5, 1], o).x0)],
  ],
  sampleDdim: [
    ["clip", true, false, drawn],
    ["clip", true, "x0", drawn],
    ["eta", 0, 0.5, drawn],
  ],
  predictionLoss: [
    [
      "weighting",
      "truncatedSnr",
      "x0",
      (o) => {
        const options = { schedule, times: [0.3, 0.9], predictionType: "x0", ...o } as const;
        return lossOf(() => {
          const { x0, eps } = batch();
          return predictionLoss({ x0, eps }, { x0: eps, eps: x0 }, options);
        });
      },
    ],
  ],
  classifier: [
    [
      "layers",
      1,
      2,
      (o) => {
        const network = resnet({ blocks: [1, 1], width: 4, classes: 2 });
        const params = network.init(createRng(0));
        const answer = tf.tidy(() => classifier(network, params, o)(zt));
        const shapes = [answer.features, ...(answer.earlier ?? [])].flatMap(({ shape }) => shape);
        tf.dispose(answer);
        disposeParams(params);
        return shapes;
      },
    ],
  ],
  "denoisingLoss of x0": [
    [
      "weighting",
      "truncatedSnr",
      "x0",
      (o) => lossOf(() => denoisingLoss({ ...batch(), times: [0.3, 0.9], denoiser: model, ...o })),
    ],
  ],
  "denoisingLoss of eps": [
    [
      "weighting",
      "eps",
      "truncatedSnr",
      (o) => lossOf(() => denoisingLoss({ ...batch(), denoiser: modelOf("eps"), ...o })),
    ],
  ],
  "denoisingLoss of v": [
    [
      "weighting",
      "snrPlusOne",
      "eps",
      (o) => lossOf(() => denoisingLoss({ ...batch(), denoiser: modelOf("v"), ...o })),
    ],
  ],
  "denoisingLoss of the flow": [
    [
      "weighting",
      "flow",
      "eps",
      (o) => lossOf(() => denoisingLoss({ ...batch(), denoiser: modelOf("flow"), ...o })),
    ],
  ],
  ...Object.fromEntries(
    (["x0", "eps", "v", "flow"] as const).map((type) => [
      `progressiveLoss of ${type}`,
      [
        [
          "weighting",
          "truncatedSnr",
          "x0",
          (o: object) =>
            lossOf(() =>
              progressiveLoss({
                ...batch(),
                times: [0.25, 0.5],
                student: modelOf(type),
                teacher,
                studentSteps: 4,
                ...o,
              }),
            ),
        ],
      ] satisfies Row[],
    ]),
  ),
  cfdLoss: [
    ["beta", 0, 0.5, cfd],
    ["gamma", 0.75, 0.25, (o) => cfd({ beta: 1, ...o })],
  ],
  adam: [
    ["beta1", 0.9, 0.8, (o) => trained(adam({ learningRate: 0.1, ...o }))],
    ["beta2", 0.999, 0.99, (o) => trained(adam({ learningRate: 0.1, ...o }))],
    ["epsilon", 1e-8, 1e-5, (o) => trained(adam({ learningRate: 0.1, ...o }))],
    ["weightDecay", 0, 0.1, (o) => trained(adam({ learningRate: 0.1, ...o }))],
    ["l2", 0, 0.1, (o) => trained(adam({ learningRate: 0.1, ...o }))],
  ],
  sgd: [
    ["momentum", 0, 0.1, (o) => trained(sgd({ learningRate: 0.1, ...o }))],
    ["l2", 0, 0.1, (o) => trained(sgd({ learningRate: 0.1, ...o }))],
  ],
  unet: [
    ["type", "unet", undefined, unetOf],
    ["dropout", 0, 0.1, unetOf],
    ["imageChannels", 3, 1, unetOf],
    ["groups", 32, 16, (o) => configOf(unet({ ...net, channels: 32, ...o }).config)],
    ["epsilon", 1e-5, 1e-6, unetOf],
    ["halvingPadding", "both", "end", unetOf],
    ["timeOffset", 0, 1, unetOf],
    ["frequencyShift", 0, 1, unetOf],
  ],
  resnet: [
    ["bottleneck", false, true, (o) => configOf(resnet({ blocks: [1], width: 4, classes: 2, ...o }).config)],
    [
      "shortcut",
      "projection",
      "pad",
      (o) => configOf(resnet({ blocks: [1], width: 4, classes: 2, ...o }).config),
    ],
    ["imageChannels", 3, 1, (o) => configOf(resnet({ blocks: [1], width: 4, classes: 2, ...o }).config)],
    ["imageChannels", 3, 1, (o) => configOf(resnet({ depth: 18, classes: 2, ...o }).config)],
  ],
  densenet: [
    ["imageChannels", 3, 1, (o) => configOf(densenet({ depth: 121, classes: 2, ...o }).config)],
    [
      "imageChannels",
      3,
      1,
      (o) => configOf(densenet({ growth: 4, blocks: [1], stem: 4, classes: 2, ...o }).config),
    ],
  ],
  inception: [["resize", "pytorch-fid", "torch-fidelity", (o) => configOf(inception(o).config)]],
  fromLayersModel: [["timeScale", 1, 2, positions]],
  imageGrid: [
    ["scale", 1, 2, picture],
    ["gap", 2, 1, picture],
    ["background", [255, 255, 255], [255, 255, 254], picture],
  ],
  inceptionScore: [["splits", 10, 9, (o) => Object.values<number>({ ...inceptionScore(rows(), o) })]],
  kernelDistance: [
    [
      "subsets",
      100,
      99,
      (o) => Object.values(kernelDistance(...sets(), { subsetSize: 5, ...o }) as object) as number[],
    ],
    [
      "seed",
      0,
      1,
      (o) => Object.values(kernelDistance(...sets(), { subsetSize: 5, ...o }) as object) as number[],
    ],
  ],
  precisionRecall: [["k", 5, 4, (o) => Object.values<number>({ ...precisionRecall(...sets(), o) })]],
};

const cases = Object.entries(table).flatMap(([name, each]) => each.map((row) => [name, ...row] as const));

it.each(cases)("%s: %s is %j, not %j", async (_, name, value, other, run) => {
  const left = await run({});
  expect(await run({ [name]: value })).toEqual(left);
  if (other !== undefined) expect(await run({ [name]: other })).not.toEqual(left);
});

it("kernelDistance's subsets have 1000 vectors", () => {
  const [a, b] = [999, 1000].map((count) => ({ values: createRng(1).normals(count), width: 1 }));
  expect(() => kernelDistance(a!, a!)).toThrow(
    "subsetSize from 2 to the smaller count of 999 and 999, got 1000",
  );
  expect(kernelDistance(b!, b!, { subsets: 1 })).toEqual(
    kernelDistance(b!, b!, { subsets: 1, subsetSize: 1000 }),
  );
});
