import { MOST } from "../../bounds.js";
import { check, checkNamed, checkOptions, checkPredictionType, fail } from "../../check.js";
import { specsOf } from "../../models/network-config.js";
import { checkParams } from "../../models/params.js";
import type { UnetConfig } from "../../models/unet-config.js";
import type { Unet } from "../../models/unet.js";
import { checkClip, checkEpsDeterminesX0, checkNoisy, type Clip } from "../../prediction/predict.js";
import { alphaSigma, power, type AlphaSigma } from "../../schedules/coefficients.js";
import { checkSchedule, type NoiseSchedule } from "../../schedules/schedule.js";
import { stepTimes } from "../../schedules/times.js";
import type { Params, PredictionType } from "../../types.js";
import { fromFloat32 } from "../state-dict.js";
import { sinesThenCosines, toTorch } from "../torch/layout.js";
import { graphBuilder, integers, scalar, type GraphBuilder, type Value } from "./graph.js";
import { encodeModel, type ValueInfo } from "./proto.js";
import { encodedTimes, timeNodes, unetNodes, type UnetContext } from "./unet.js";

/** The version of ONNX's operations that the graphs are written in. */
export const ONNX_OPSET = 17;

/**
 * How a graph's weights are stored: `"float16"` halves the file. Either way all is computed in float32, to which each
 * weight is cast where it is used.
 */
export type OnnxDtype = "float32" | "float16";

/** Options of {@link toOnnx}. */
export interface OnnxOptions {
  /** Default "float32". */
  readonly dtype?: OnnxDtype;
}

/**
 * Writes a U-Net as an ONNX graph (opset 17, computed in float32), for onnxruntime and what else runs ONNX. Inputs: `zt`
 * [batch, channels, height, width], PyTorch's order and not this library's; `times` [batch] in [0, 1]; for a
 * class-conditional network `labels` [batch], int64, -1 for none. Output: `prediction`, of zt's shape. Batch, height and
 * width are free.
 *
 * @param network the U-Net
 * @param params its weights; unchanged
 * @param options `dtype`, in which the weights are stored
 * @returns a promise of the file's bytes
 * @throws (rejects) if the network is not a U-Net, the weights are not its own, not finite or beyond their type, or the
 *   file would exceed 2 GiB
 * @see https://onnx.ai/onnx/operators
 * @example
 * ```ts
 * import { createRng, disposeParams, unet } from "cfd-distill";
 * import { toOnnx } from "cfd-distill/formats";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const bytes = await toOnnx(network, params); // in Python: onnxruntime.InferenceSession("student.onnx")
 * console.log(bytes.length > 0);
 * disposeParams(params);
 * ```
 */
export async function toOnnx(
  network: Pick<Unet, "config">,
  params: Params,
  options: OnnxOptions = {},
): Promise<Uint8Array> {
  checkOptions<OnnxOptions>("toOnnx", options, { dtype: true });
  const { dtype = "float32" } = options;
  const { graph, config, weight } = await weighted({ network, params, dtype }, "toOnnx");
  const inputs = [
    images("zt", config),
    { name: "times", element: "float", shape: ["batch"] } as const,
    ...labels(config),
  ];
  const encoded = timeNodes(graph, config, "times");
  const output = unetNodes({ graph, config, weight }, { image: "zt", encoded, labels: inputs[2]?.name });
  graph.add("Identity", [output], {}, "prediction");
  return encodeModel({
    name: "denoiser",
    description: "zt and times in [0, 1] to a U-Net's prediction",
    opset: ONNX_OPSET,
    nodes: graph.nodes,
    initializers: graph.initializers,
    inputs,
    outputs: [images("prediction", config)],
  });
}

/** What {@link samplerToOnnx} writes. */
export interface OnnxSampler {
  readonly network: Pick<Unet, "config">;
  readonly params: Params;
  readonly schedule: NoiseSchedule;
  readonly predictionType: PredictionType;
  /** The sampler's steps; the graph has the network once a step, and its weights once. */
  readonly steps: number;
  /** As `sampleDdim` takes it. Default true. */
  readonly clip?: Clip;
  /** Scale of classifier-free guidance, written into the graph; the network must have classes. Default: none. */
  readonly guidance?: number;
  /** How the weights are stored. Default "float32". */
  readonly dtype?: OnnxDtype;
}

/** A decoded checkpoint may be given whole; what a graph has no place for stays behind. */
const SAMPLER = {
  network: true,
  params: true,
  schedule: true,
  predictionType: true,
  steps: true,
  clip: true,
  guidance: true,
  dtype: true,
  ema: true,
  optimizer: true,
  step: true,
  rng: true,
  stage: true,
  extra: true,
  imageShape: true,
  classNames: true,
} as const;

/**
 * Writes a few-step generator as one ONNX graph (opset 17, computed in float32): `noise` [batch, channels, height, width] in,
 * `images` in [-1, 1] of that shape out, and for a class-conditional network `labels` [batch], int64, -1 for none. It
 * computes what `sampleDdim(denoiser, schedule, noise, { steps, clip, labels, guidance })` computes, with the images in
 * PyTorch's order. With guidance each step asks the network once, for twice the batch.
 *
 * @param sampler the model and its steps, or a whole checkpoint, of which it writes `params`; unchanged
 * @returns a promise of the file's bytes
 * @throws (rejects) if the network is not a U-Net, the weights are not its own, not finite or beyond their type, the
 *   sampler cannot be or has an unknown key, guidance has no classes or is not finite, or the graph would have more than half a million operations or exceed 2 GiB
 * @see Song et al. 2021 (arXiv 2010.02502), Eq. 12; Ho & Salimans 2022 (arXiv 2207.12598), Eq. 6; https://onnx.ai/onnx/operators
 * @example
 * ```ts
 * import { createRng, discreteCosineSchedule, disposeParams, unet } from "cfd-distill";
 * import { samplerToOnnx } from "cfd-distill/formats";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const schedule = discreteCosineSchedule(8);
 * const bytes = await samplerToOnnx({ network, params, schedule, predictionType: "x0", steps: 2 });
 * console.log(bytes.length > 0);
 * disposeParams(params);
 * ```
 */
export async function samplerToOnnx(sampler: OnnxSampler): Promise<Uint8Array> {
  checkOptions<OnnxSampler>("samplerToOnnx", sampler, SAMPLER);
  const { network, params, schedule, predictionType, steps, clip = true } = sampler;
  const { guidance, dtype = "float32" } = sampler;
  checkSchedule(schedule, "samplerToOnnx");
  checkPredictionType(predictionType, "samplerToOnnx");
  checkClip(clip, "samplerToOnnx");
  const times = stepTimes(steps);
  const { graph, config, weight } = await weighted({ network, params, dtype }, "samplerToOnnx");
  const inputs = [images("noise", config), ...labels(config)];
  const context = { graph, config, weight };
  const ask =
    guidance === undefined
      ? (image: Value, encoded: Value) => unetNodes(context, { image, encoded, labels: inputs[1]?.name })
      : guided(context, guidance);
  let zt = "noise";
  for (let i = 0; i < steps; i++) {
    const [from, to] = [times[i]!, times[i + 1]!].map((t) => alphaSigma(schedule, t)) as [
      AlphaSigma,
      AlphaSigma,
    ];
    checkEpsDeterminesX0(predictionType, [from]);
    const encoded = encodedTimes(graph, config, [times[i]!]);
    const output = ask(zt, encoded);
    const prediction = predictionNodes(graph, predictionType, { output, zt, from, clip });
    zt = weightedSum(graph, prediction.x0, to.alpha, prediction.eps, to.sigma);
  }
  if (clip === true) zt = clipped(graph, zt);
  graph.add("Identity", [zt], {}, "images");
  return encodeModel({
    name: "sampler",
    description: `noise to images in ${steps} DDIM steps`,
    opset: ONNX_OPSET,
    nodes: graph.nodes,
    initializers: graph.initializers,
    inputs,
    outputs: [images("images", config)],
  });
}

/** What `withGuidance` asks and answers: one call for all images with their labels and again with none, -1. */
function guided(context: UnetContext, scale: number) {
  const { graph, config } = context;
  const where = "samplerToOnnx";
  check(config.classes !== undefined, where, "a network with classes to guide", "one without");
  check(Number.isFinite(scale), where, "guidance to be a finite number", scale);
  const none = graph.add("Expand", [integers(graph, [-1]), graph.add("Shape", ["labels"])]);
  const labels = graph.add("Concat", ["labels", none], { axis: 0 });
  const shares = graph.constant("guidance", [1, 2], Float32Array.of(scale, 1 - scale));
  return (zt: Value, encoded: Value): Value => {
    const image = graph.add("Concat", [zt, zt], { axis: 0 });
    const both = graph.add("Reshape", [
      unetNodes(context, { image, encoded, labels }),
      integers(graph, [2, -1]),
    ]);
    return graph.add("Reshape", [graph.add("MatMul", [shares, both]), graph.add("Shape", [zt])]);
  };
}

/** x0 and eps of a network's output, as `predict` makes them. */
function predictionNodes(
  graph: GraphBuilder,
  type: PredictionType,
  {
    output,
    zt,
    from,
    clip,
  }: { readonly output: Value; readonly zt: Value; readonly from: AlphaSigma; readonly clip: Clip },
): { readonly x0: Value; readonly eps: Value } {
  const { alpha, sigma } = from;
  const [one, sum] = [power(from), alpha + sigma];
  const epsOf = (x0: Value) => {
    checkNoisy([from], "samplerToOnnx");
    return weightedSum(graph, zt, 1 / sigma, x0, -alpha / sigma);
  };
  const whole = {
    x0: () => ({ x0: output, eps: epsOf(output) }),
    eps: () => ({ x0: weightedSum(graph, zt, 1 / alpha, output, -sigma / alpha), eps: output }),
    v: () => ({
      x0: weightedSum(graph, zt, alpha / one, output, -sigma / one),
      eps: weightedSum(graph, zt, sigma / one, output, alpha / one),
    }),
    flow: () => ({
      x0: weightedSum(graph, zt, 1 / sum, output, -sigma / sum),
      eps: weightedSum(graph, zt, 1 / sum, output, alpha / sum),
    }),
  }[type]();
  if (clip === false) return whole;
  const x0 = clipped(graph, whole.x0);
  return { x0, eps: clip === "x0" ? whole.eps : epsOf(x0) };
}

function weightedSum(graph: GraphBuilder, a: Value, byA: number, b: Value, byB: number): Value {
  return graph.add("Add", [
    graph.add("Mul", [a, scalar(graph, byA)]),
    graph.add("Mul", [b, scalar(graph, byB)]),
  ]);
}

function clipped(graph: GraphBuilder, x: Value): Value {
  return graph.add("Clip", [x, scalar(graph, -1), scalar(graph, 1)]);
}

/** A graph that has the network's weights as constants, in PyTorch's layout; of the time's, sines come first. */
async function weighted(
  { network, params, dtype }: Pick<OnnxSampler, "network" | "params"> & { readonly dtype: OnnxDtype },
  where: string,
) {
  const config = network?.config;
  if (dtype !== "float32" && dtype !== "float16") fail(where, 'dtype "float32" or "float16"', dtype);
  check(config?.type === "unet", where, "a U-Net", config);
  checkNamed(params, where, "params, weights by name");
  checkParams(params, specsOf(config), where);
  const width = dtype === "float16" ? 2 : 4;
  const bytes = Object.values(params).reduce((sum, { size }) => sum + width * size, 0);
  check(bytes <= MOST.onnxBytes, where, `weights of at most ${MOST.onnxBytes} bytes, ONNX's limit`, bytes);
  const read = Object.entries(params).map(async ([name, variable]) => {
    const tensor = await toTorch(variable);
    const isTime = name === "time_embedding.timembedding.1.weight";
    return [name, isTime ? sinesThenCosines(tensor) : tensor] as const;
  });
  const tensors = new Map(await Promise.all(read));
  const graph = graphBuilder(where);
  const cast = new Map<string, Value>();
  const weight = (name: string): Value => {
    if (cast.has(name)) return cast.get(name)!;
    const tensor = tensors.get(name);
    check(tensor !== undefined, where, `a weight "${name}"`, "none");
    const data = tensor.data as Float32Array;
    const bad = data.find((value) => !Number.isFinite(value));
    check(bad === undefined, where, `finite numbers in the weight "${name}"`, bad);
    if (dtype === "float32") return graph.constant(name, tensor.shape, data);
    const halves = fromFloat32(data, tensor.shape, "F16").data as Uint16Array;
    const beyond = halves.findIndex((bits) => (bits & 0x7fff) === 0x7c00);
    check(beyond < 0, where, `numbers of float16, up to 65504, in the weight "${name}"`, data[beyond]);
    const stored = graph.constant(`${name}.float16`, tensor.shape, halves);
    cast.set(name, graph.add("Cast", [stored], { to: 1 }));
    return cast.get(name)!;
  };
  return { graph, config, weight };
}

function images(name: string, { imageChannels }: UnetConfig): ValueInfo {
  return { name, element: "float", shape: ["batch", imageChannels, "height", "width"] };
}

function labels({ classes }: UnetConfig): ValueInfo[] {
  return classes === undefined ? [] : [{ name: "labels", element: "int64", shape: ["batch"] }];
}
