import type { UnetConfig } from "../../models/unet-config.js";
import { unetPlan, type UnetStep } from "../../models/unet-plan.js";
import { encodeTimes } from "../../models/time-embedding.js";
import type { Times } from "../../types.js";
import { integers, scalar, type GraphBuilder, type Value } from "./graph.js";

// The U-Net of src/models/unet.ts in ONNX's operations, on images [batch, channels, height, width]. Weights are named
// and laid out as in the authors' state dict.

/** A graph in the making, and the U-Net that goes into it. */
export interface UnetContext {
  readonly graph: GraphBuilder;
  readonly config: UnetConfig;
  /** A weight, by the name of its layer and "weight" or "bias". */
  readonly weight: (name: string) => Value;
}

/** What the U-Net's operations need besides the image. */
interface Context extends UnetContext {
  /** SiLU of the embedding of times and classes, [batch or 1, 4 channels]. */
  readonly embedding: Value;
}

/** A U-Net's output for `image`; `encoded` is [batch or 1, channels], see {@link encodedTimes}. */
export function unetNodes(
  context: UnetContext,
  {
    image,
    encoded,
    labels,
  }: { readonly image: Value; readonly encoded: Value; readonly labels: Value | undefined },
): Value {
  const { config } = context;
  const { down, middle, up } = unetPlan(config);
  const hidden = silu(context, linear(context, encoded, "time_embedding.timembedding.1"));
  const time = linear(context, hidden, "time_embedding.timembedding.3");
  const embedding = silu(context, labels === undefined ? time : withLabels(context, time, labels));
  const all = { ...context, embedding };
  let h = convolution(all, image, "head", 3);
  const skips = [h];
  for (const step of down) skips.push((h = apply(all, step, h)));
  for (const step of middle) h = apply(all, step, h);
  for (const step of up) h = apply(all, step, h, step.kind === "block" ? skips.pop() : undefined);
  return convolution(all, silu(all, groupNorm(all, h, "tail.0")), "tail.2", 3);
}

/** What the network sees of `times` [batch]: the sines, then the cosines, of their angles. */
export function timeNodes(graph: GraphBuilder, config: UnetConfig, times: Value): Value {
  const { timeScale, timeOffset, timeShift, frequencyShift, channels } = config;
  const half = channels / 2;
  const rates = Float32Array.from({ length: half }, (_, i) =>
    Math.exp((-Math.log(10000) * i) / (half - frequencyShift)),
  );
  const column = graph.add("Unsqueeze", [times, integers(graph, [1])]);
  const seen = timeShift === undefined ? column : shiftedNodes(graph, column, timeShift);
  const scaled = graph.add("Mul", [seen, scalar(graph, timeScale)]);
  const position = timeOffset === 0 ? scaled : graph.add("Add", [scaled, scalar(graph, timeOffset)]);
  const angles = graph.add("Mul", [position, graph.constant("frequencies", [1, half], rates)]);
  return graph.add("Concat", [graph.add("Sin", [angles]), graph.add("Cos", [angles])], { axis: 1 });
}

/** The flow's u of times, as `shiftedTime` makes it. */
function shiftedNodes(graph: GraphBuilder, times: Value, shift: number): Value {
  const over = graph.add("Mul", [times, scalar(graph, shift)]);
  const rest = graph.add("Sub", [scalar(graph, 1), times]);
  return graph.add("Div", [over, graph.add("Add", [over, rest])]);
}

/** The same for times that are known. */
export function encodedTimes(graph: GraphBuilder, config: UnetConfig, times: Times): Value {
  const width = config.channels;
  const interleaved = encodeTimes(times, { ...config, width });
  const rows = interleaved.map((_, at) => {
    const column = at % width;
    const pair = column % (width / 2);
    return interleaved[at - column + 2 * pair + (column < width / 2 ? 0 : 1)]!;
  });
  return graph.constant(`time_${times.join("_")}`, [times.length, width], rows);
}

function withLabels({ graph, config, weight }: UnetContext, time: Value, labels: Value): Value {
  const classes = config.classes!;
  const all = graph.constant(
    "classes",
    [1, classes],
    BigInt64Array.from({ length: classes }, (_, i) => BigInt(i)),
  );
  const column = graph.add("Unsqueeze", [labels, integers(graph, [1])]);
  const oneHot = graph.add("Cast", [graph.add("Equal", [column, all])], { to: 1 });
  const inputs = [oneHot, weight("y_embedding.weight"), weight("y_embedding.bias")];
  return graph.add("Add", [time, graph.add("Gemm", inputs, { transB: 1 })]);
}

function apply(context: Context, step: UnetStep, h: Value, skip?: Value): Value {
  const { graph, config } = context;
  switch (step.kind) {
    case "block":
      return block(context, step, skip === undefined ? h : graph.add("Concat", [h, skip], { axis: 1 }));
    case "halve": {
      const pads = config.halvingPadding === "end" ? [0, 0, 1, 1] : [1, 1, 1, 1];
      return convolution(context, h, `${step.name}.main`, 3, { strides: [2, 2], pads });
    }
    case "double": {
      const scales = graph.constant("double", [4], Float32Array.of(1, 1, 2, 2));
      const nearest = {
        mode: "nearest",
        coordinate_transformation_mode: "asymmetric",
        nearest_mode: "floor",
      };
      return convolution(context, graph.add("Resize", [h, "", scales], nearest), `${step.name}.main`, 3);
    }
  }
}

function block(context: Context, step: Extract<UnetStep, { kind: "block" }>, x: Value): Value {
  const { graph, embedding } = context;
  const { name, from, to } = step;
  const first = convolution(
    context,
    silu(context, groupNorm(context, x, `${name}.block1.0`)),
    `${name}.block1.2`,
    3,
  );
  const time = graph.add("Unsqueeze", [
    linear(context, embedding, `${name}.temb_proj.1`),
    integers(graph, [2, 3]),
  ]);
  const second = silu(context, groupNorm(context, graph.add("Add", [first, time]), `${name}.block2.0`));
  const shortcut = from === to ? x : convolution(context, x, `${name}.shortcut`, 1);
  const h = graph.add("Add", [convolution(context, second, `${name}.block2.3`, 3), shortcut]);
  return step.attention ? attention(context, h, `${name}.attn`, to) : h;
}

function attention(context: Context, x: Value, name: string, channels: number): Value {
  const { graph, config } = context;
  const width = config.headWidth ?? channels;
  const h = groupNorm(context, x, `${name}.group_norm`);
  // [batch, heads, width, pixels]
  const split = integers(graph, [0, channels / width, width, -1]);
  const [q, k, v] = ["proj_q", "proj_k", "proj_v"].map((which) =>
    graph.add("Reshape", [convolution(context, h, `${name}.${which}`, 1), split]),
  ) as [Value, Value, Value];
  const rows = graph.add("Mul", [
    graph.add("Transpose", [q], { perm: [0, 1, 3, 2] }),
    scalar(graph, 1 / Math.sqrt(width)),
  ]);
  const weights = graph.add("Softmax", [graph.add("MatMul", [rows, k])], { axis: -1 });
  const mixed = graph.add("MatMul", [v, graph.add("Transpose", [weights], { perm: [0, 1, 3, 2] })]);
  const image = graph.add("Reshape", [mixed, graph.add("Shape", [x])]);
  return graph.add("Add", [x, convolution(context, image, `${name}.proj`, 1)]);
}

/** Instance norm of the groups, then each channel's gain and offset. */
function groupNorm({ graph, config, weight }: Context, x: Value, name: string): Value {
  const { groups, epsilon } = config;
  const ones = graph.constant("group_ones", [groups], new Float32Array(groups).fill(1));
  const zeros = graph.constant("group_zeros", [groups], new Float32Array(groups));
  const grouped = graph.add("Reshape", [x, integers(graph, [0, groups, -1])]);
  const normal = graph.add("InstanceNormalization", [grouped, ones, zeros], { epsilon: { float: epsilon } });
  const image = graph.add("Reshape", [normal, graph.add("Shape", [x])]);
  const perChannel = (which: string) =>
    graph.add("Reshape", [weight(`${name}.${which}`), integers(graph, [1, -1, 1, 1])]);
  return graph.add("Add", [graph.add("Mul", [image, perChannel("weight")]), perChannel("bias")]);
}

function silu({ graph }: Pick<Context, "graph">, x: Value): Value {
  return graph.add("Mul", [x, graph.add("Sigmoid", [x])]);
}

function linear({ graph, weight }: UnetContext, x: Value, name: string): Value {
  return graph.add("Gemm", [x, weight(`${name}.weight`), weight(`${name}.bias`)], { transB: 1 });
}

function convolution(
  { graph, weight }: Context,
  x: Value,
  name: string,
  size: 1 | 3,
  attributes: { readonly strides?: readonly number[]; readonly pads?: readonly number[] } = {},
): Value {
  const border = (size - 1) / 2;
  const inputs = [x, weight(`${name}.weight`), weight(`${name}.bias`)];
  return graph.add("Conv", inputs, {
    kernel_shape: [size, size],
    pads: [border, border, border, border],
    ...attributes,
  });
}
