import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import * as adapters from "../../src/adapters/index.js";
import * as data from "../../src/data/index.js";
import * as formats from "../../src/formats/index.js";
import * as main from "../../src/index.js";
import * as metrics from "../../src/metrics/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

// Every function that an entry for pages exports stands here, with the names of its options and how it is given them.

onCpuWithoutLeaks();

const cfd = { ...main, ...adapters, ...formats, ...metrics, ...data };

type Module = typeof cfd;
type FunctionName = {
  [K in keyof Module]: Module[K] extends (...args: never[]) => unknown ? K : never;
}[keyof Module];
type Row = readonly [names: string, call: (options: never) => unknown];

const schedule = cfd.cosineSchedule();
const grey = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
const shown = { values: new Float32Array([1, 2, 3, 4]), width: 1 };
const network = cfd.unet({
  channels: 4,
  multipliers: [1],
  attention: [],
  blocks: 1,
  timeScale: 8,
  groups: 4,
});
const images = (f: (zt: tf.Tensor4D) => unknown) => {
  const zt = tf.zeros<tf.Rank.R4>([1, 4, 4, 3]);
  try {
    return f(zt);
  } finally {
    zt.dispose();
  }
};
const sampler = "steps times clip labels guidance seeds onStep signal";
const distilled = "student teacher target schedule x0 eps times studentSteps labels";
const unetNames =
  "type channels multipliers attention blocks timeScale dropout classes imageChannels groups epsilon headWidth halvingPadding timeOffset timeShift frequencyShift";
const model = { apply: () => 0, execute: () => 0, inputs: [], outputs: [{}] } as never;

const rows: Partial<Record<FunctionName, Row | readonly Row[]>> = {
  predict: ["labels clip", (o) => images((zt) => cfd.predict(grey, schedule, zt, [1], o))],
  cosineSchedule: ["s", (o) => cfd.cosineSchedule(o)],
  flowSchedule: ["shift", (o) => cfd.flowSchedule(o)],
  linearSchedule: ["betaMin betaMax", (o) => cfd.linearSchedule(o)],
  sigmoidSchedule: ["start end tau", (o) => cfd.sigmoidSchedule(o)],
  discreteCosineSchedule: ["s maxBeta", (o) => cfd.discreteCosineSchedule(8, o)],
  scheduleFromConfig: [
    ["type s", (o: object) => cfd.scheduleFromConfig({ ...schedule.config, ...o })],
    ["betaMin betaMax", (o: object) => cfd.scheduleFromConfig({ ...cfd.linearSchedule().config, ...o })],
    ["type shift", (o: object) => cfd.scheduleFromConfig({ ...cfd.flowSchedule().config, ...o })],
    ["start end tau", (o: object) => cfd.scheduleFromConfig({ ...cfd.sigmoidSchedule().config, ...o })],
    [
      "steps s maxBeta",
      (o: object) => cfd.scheduleFromConfig({ ...cfd.discreteCosineSchedule(8).config, ...o }),
    ],
    ["alphaBars", (o: object) => cfd.scheduleFromConfig({ ...cfd.tableSchedule([1, 0]).config, ...o })],
  ],
  drawTimes: ["first", (o) => cfd.drawTimes(cfd.createRng(1), 1, 1, o)],
  sampleDdim: [`${sampler} eta`, (o) => images((zt) => cfd.sampleDdim(grey, schedule, zt, o))],
  sampleAncestral: [`${sampler} variance`, (o) => images((zt) => cfd.sampleAncestral(grey, schedule, zt, o))],
  sampleDpmSolver2M: [sampler, (o) => images((zt) => cfd.sampleDpmSolver2M(grey, schedule, zt, o))],
  sampleHeun: [sampler, (o) => images((zt) => cfd.sampleHeun(grey, schedule, zt, o))],
  sampleConsistency: [sampler, (o) => images((zt) => cfd.sampleConsistency(grey, schedule, zt, o))],
  consistencyTimes: [
    "progress stages q mean deviation",
    (o) => cfd.consistencyTimes(cfd.createRng(1), schedule, 1, o),
  ],
  progressiveTarget: [
    "studentSteps labels",
    (o) => images((zt) => cfd.progressiveTarget(grey, schedule, zt, [1], o)),
  ],
  predictionLoss: [
    "schedule times predictionType weighting",
    (o) => images((zt) => cfd.predictionLoss({ x0: zt, eps: zt }, { x0: zt, eps: zt }, o)),
  ],
  denoisingLoss: ["denoiser schedule x0 eps times labels weighting", (o) => cfd.denoisingLoss(o)],
  progressiveLoss: [`${distilled} weighting`, (o) => cfd.progressiveLoss(o)],
  consistencyLoss: [
    "student average teacher schedule x0 eps times earlier labels distance weights",
    (o) => cfd.consistencyLoss(o),
  ],
  scoreDistillationLoss: [
    "images teacher critic schedule eps times labels variant alpha",
    (o) => cfd.scoreDistillationLoss(o),
  ],
  featureDistillationLoss: [
    "temperature",
    (o) => cfd.featureDistillationLoss(undefined as never, undefined as never, o),
  ],
  datasetOrientedLoss: ["gamma", (o) => cfd.datasetOrientedLoss(undefined as never, o)],
  cfdLoss: [`${distilled} classifier temperature beta gamma`, (o) => cfd.cfdLoss(o)],
  unet: [unetNames, (o) => cfd.unet(o)],
  resnet: [
    ["type blocks width bottleneck shortcut classes imageChannels", (o) => cfd.resnet(o)],
    ["classes imageChannels", (o: object) => cfd.resnet({ depth: 18, classes: 10, ...o })],
  ],
  densenet: [
    ["type growth blocks stem classes imageChannels", (o) => cfd.densenet(o)],
    ["classes imageChannels", (o: object) => cfd.densenet({ depth: 121, classes: 10, ...o })],
  ],
  inception: ["resize", (o) => cfd.inception(o)],
  networkFromConfig: ["groups", (o: object) => cfd.networkFromConfig({ ...network.config, ...o })],
  denoiser: [
    ["train recompute", (o) => cfd.denoiser(network, {}, "x0", o)],
    ["rng", (train) => cfd.denoiser(network, {}, "x0", { train })],
  ],
  classifier: ["mean std layers", (o) => cfd.classifier({ apply: () => undefined as never }, {}, o)],
  fromLayersModel: [
    ["logits features mean std", (o) => cfd.fromLayersModel(model, o)],
    [
      "predictionType timeScale classes",
      (o: object) => cfd.fromLayersModel(model, { predictionType: "x0", ...o }),
    ],
  ],
  fromGraphModel: [
    ["logits features mean std", (o) => cfd.fromGraphModel(model, o)],
    [
      "predictionType timeScale classes",
      (o: object) => cfd.fromGraphModel(model, { predictionType: "x0", ...o }),
    ],
  ],
  recompute: ["inputs params rng", (o) => cfd.recompute(() => tf.scalar(1), o)],
  readTerms: ["step", (o) => cfd.readTerms({}, o)],
  adam: ["learningRate beta1 beta2 epsilon weightDecay l2", (o) => cfd.adam(o)],
  sgd: ["learningRate momentum l2", (o) => cfd.sgd(o)],
  cosineAnnealing: ["rate steps", (o) => cfd.cosineAnnealing(o)],
  linearWarmup: ["rate steps", (o) => cfd.linearWarmup(o)],
  samplerToOnnx: [
    "network params schedule predictionType steps clip guidance dtype",
    (o) => cfd.samplerToOnnx(o),
  ],
  toOnnx: ["dtype", (o) => cfd.toOnnx(network, {}, o)],
  unetFromTorch: ["groups", (o) => cfd.unetFromTorch({}, o)],
  inceptionFromTorch: ["resize", (o) => cfd.inceptionFromTorch({}, o)],
  stateDictIn: ["name", (o) => cfd.stateDictIn({}, "unet", o)],
  inceptionScore: ["splits", (o) => cfd.inceptionScore(shown, o)],
  kernelDistance: ["subsets subsetSize seed", (o) => cfd.kernelDistance(shown, shown, o)],
  precisionRecall: ["k", (o) => cfd.precisionRecall(shown, shown, o)],
  statisticsFromNpz: ["count", (o) => cfd.statisticsFromNpz(new Uint8Array(), o)],
  imageGrid: ["columns scale gap background", (o) => images((zt) => cfd.imageGrid(zt, o))],
};

/** Functions that take no options: numbers, tensors, bytes, weights, states and configs by position. */
const none: readonly FunctionName[] = [
  "createRng",
  "restoreRng",
  "noise",
  "logSNR",
  "tableSchedule",
  "stepTimes",
  "addNoise",
  "withGuidance",
  "cloneParams",
  "countParameters",
  "disposeParams",
  "valueAndGrads",
  "untaped",
  "accumulateGrads",
  "clipByGlobalNorm",
  "emaDecay",
  "updateEma",
  "assignParams",
  "decodeCheckpoint",
  "decodeNetworkCheckpoint",
  "decodeSafetensors",
  "encodeSafetensors",
  "safetensorsMetadata",
  "fromFloat32",
  "toFloat32",
  "decodeNpz",
  "encodeNpz",
  "readTorchCheckpoint",
  "diffusersFromFiles",
  "unetToTorch",
  "classifierFromTorch",
  "loadGenerator",
  "gatherFeatures",
  "frechetDistance",
  "statisticsToNpz",
  "statistics",
  "backendReport",
  "checkImageRange",
  "imageBatch",
  "decodeCifar10",
];

/** Functions of other parts that do take options. */
const elsewhere: readonly FunctionName[] = [
  "encodeCheckpoint",
  "encodeDiffusers",
  "useBackend",
  "drawBatch",
  "imageSet",
];

it("every exported function is either here or takes no options", () => {
  const functions = Object.entries(cfd).flatMap(([name, value]) =>
    typeof value === "function" ? [name] : [],
  );
  expect([...Object.keys(rows), ...none, ...elsewhere, "UnreadLeaf"].sort()).toEqual(functions.sort());
});

const cases = Object.entries(rows).flatMap(([name, row]) =>
  ((typeof row[0] === "string" ? [row] : row) as readonly Row[]).flatMap(([names, call]) =>
    names.split(" ").map((right) => [name, right, call] as const),
  ),
);

describe("an option that does not exist is refused, with the nearest name", () => {
  it.each(cases)("%s: %s", async (_, right, call) => {
    const wrong = right === "s" ? "ss" : `${right}s`;
    const run = Promise.resolve().then(() => call({ [wrong]: 1 } as never));
    await expect(run).rejects.toThrow(new RegExp(`^\\w+: expected option ${right}, got ${wrong}\\.$`));
  });

  const direct = [
    "sampleDdim",
    "cfdLoss",
    "denoisingLoss",
    "unet",
    "resnet",
    "adam",
    "sgd",
    "imageGrid",
  ] as const;
  it.each(direct)("%s: what is no object of options is named", async (name) => {
    const [, call] = [rows[name]].flat(name === "resnet" ? 1 : 0)[0] as Row;
    for (const got of [null, 7]) {
      const run = Promise.resolve().then(() => call(got as never));
      await expect(run).rejects.toThrow(`${name}: expected an object of options, got ${got}.`);
    }
  });
});
