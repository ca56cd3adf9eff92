import type * as tf from "../../tfjs.js";
import { check } from "../../check.js";
import type { UnetConfig, UnetOptions } from "../../models/unet-config.js";
import { unetPlan, unetSpecs, type UnetStep } from "../../models/unet-plan.js";
import { unet, type Unet } from "../../models/unet.js";
import type { Params } from "../../types.js";
import { complete, READ, type DiffusersConfig } from "./config.js";
import type { DiffusersScheduler } from "./scheduling.js";
import { fromFloat32, sizeOf, toFloat32, type StateDict, type StoredTensor } from "../state-dict.js";
import { checkEntries, paramsFromTorch, sinesThenCosines, toTorch, withColumns } from "../torch/layout.js";
import { withBareNames } from "../torch/names.js";

// diffusers' UNet2DModel (src/diffusers/models/unets/unet_2d.py) is the authors' U-Net under other names, with more
// options. Besides names, three weights are laid out otherwise: attention's projections are linear layers, the sines and
// cosines of the time come one after the other, and classes have an embedding.

const FILE = "the U-Net's config.json";

/** The network of a UNet2DModel's config, which sees of a time what its scheduler says. */
export function readUnetConfig(
  config: DiffusersConfig,
  seen: DiffusersScheduler["seen"],
): { network: Unet; cosineFirst: boolean } {
  check(config._class_name === "UNet2DModel", READ, `${FILE} of a UNet2DModel`, config._class_name);
  const groups: unknown = config.norm_num_groups ?? DEFAULTS.norm_num_groups;
  const only = { ...ONLY, attn_norm_num_groups: [null, groups] };
  const nullable = ["attention_head_dim"];
  const values = complete(config, { file: FILE, defaults: DEFAULTS, only, harmless: HARMLESS, nullable });
  const { downsample_padding: padding } = values;
  check(padding === 0 || padding === 1, READ, "downsample_padding of 0 or 1", padding);
  const widths = readWidths(values.block_out_channels);
  const { attention_head_dim: headWidth, num_class_embeds: classes, in_channels: channels } = values;
  check(
    channels === values.out_channels,
    READ,
    `as many out_channels as in_channels, ${String(channels)}`,
    values.out_channels,
  );
  const options = {
    channels: widths[0],
    multipliers: widths.map((width) => width / widths[0]),
    attention: attentionLevels(values.down_block_types, values.up_block_types, widths.length),
    blocks: values.layers_per_block,
    ...seen,
    frequencyShift: values.freq_shift,
    ...(classes === null ? {} : { classes }),
    ...(headWidth === null ? {} : { headWidth }),
    dropout: values.dropout,
    imageChannels: channels,
    groups,
    epsilon: values.norm_eps,
    halvingPadding: padding === 0 ? "end" : "both",
  };
  return { network: unet(options as unknown as UnetOptions), cosineFirst: values.flip_sin_to_cos === true };
}

function readWidths(value: unknown): readonly [number, ...number[]] {
  const isMultiple = (width: unknown, _: number, all: unknown[]) =>
    typeof width === "number" && Number.isInteger(width / (all[0] as number));
  const valid = Array.isArray(value) && value.length > 0 && value.every(isMultiple);
  check(valid, READ, "block_out_channels that are multiples of the first", value);
  return value as [number, ...number[]];
}

const DEFAULTS = {
  sample_size: null,
  in_channels: 3,
  out_channels: 3,
  freq_shift: 0,
  flip_sin_to_cos: true,
  down_block_types: ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
  up_block_types: ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
  block_out_channels: [224, 448, 672, 896],
  layers_per_block: 2,
  downsample_padding: 1,
  dropout: 0,
  attention_head_dim: 8,
  norm_num_groups: 32,
  norm_eps: 1e-5,
  num_class_embeds: null,
};

const ONLY = {
  center_input_sample: [false],
  time_embedding_type: ["positional"],
  time_embedding_dim: [null],
  mid_block_type: ["UNetMidBlock2D"],
  mid_block_scale_factor: [1],
  add_attention: [true],
  downsample_type: ["conv", null],
  upsample_type: ["conv", null],
  act_fn: ["silu", "swish"],
  resnet_time_scale_shift: ["default"],
  class_embed_type: [null],
};

/** Besides one of the network's, how EMAModel made the weights that it saved. */
const HARMLESS = [
  "num_train_timesteps",
  ...["decay", "min_decay", "inv_gamma", "power", "optimization_step", "update_after_step"],
  ...["use_ema_warmup"],
];

/** Which levels have attention; the way up must mirror the way down. */
function attentionLevels(down: unknown, up: unknown, levels: number): number[] {
  const read = (types: unknown, attends: string, plain: string) => {
    const isList = Array.isArray(types) && types.length === levels;
    check(isList, READ, `${levels} block types, as there are block_out_channels`, types);
    // Before diffusers 0.3 the same blocks had a longer name.
    const blocks = (types as unknown[]).map((type) =>
      typeof type === "string" ? type.replace(/^UNetRes/, "") : type,
    );
    const other = blocks.find((type) => type !== attends && type !== plain);
    check(other === undefined, READ, `block types ${plain} and ${attends}`, other);
    return blocks.map((type) => type === attends);
  };
  const attends = read(down, "AttnDownBlock2D", "DownBlock2D");
  const mirrored = read(up, "AttnUpBlock2D", "UpBlock2D").reverse();
  const same = attends.every((value, level) => value === mirrored[level]);
  check(same, READ, "up_block_types that mirror down_block_types", up);
  return attends.flatMap((value, level) => (value ? [level] : []));
}

/** UNet2DModel's config of a network of ours. */
export function writeUnetConfig(
  config: UnetConfig,
  size: number | readonly [number, number],
): DiffusersConfig {
  const levels = config.multipliers.map((_, level) => config.attention.includes(level));
  return {
    _class_name: "UNet2DModel",
    sample_size: size,
    in_channels: config.imageChannels,
    out_channels: config.imageChannels,
    freq_shift: config.frequencyShift,
    flip_sin_to_cos: false,
    time_embedding_type: "positional",
    down_block_types: levels.map((attends) => (attends ? "AttnDownBlock2D" : "DownBlock2D")),
    up_block_types: levels.map((attends) => (attends ? "AttnUpBlock2D" : "UpBlock2D")).reverse(),
    block_out_channels: config.multipliers.map((multiplier) => multiplier * config.channels),
    layers_per_block: config.blocks,
    downsample_padding: config.halvingPadding === "end" ? 0 : 1,
    dropout: config.dropout,
    act_fn: "silu",
    attention_head_dim: config.headWidth ?? null,
    norm_num_groups: config.groups,
    norm_eps: config.epsilon,
    num_class_embeds: config.classes ?? null,
  };
}

/** Variables with the values of a UNet2DModel's state dict. */
export function readUnetWeights(
  config: UnetConfig,
  stateDict: Readonly<StateDict>,
  cosineFirst: boolean,
): Params {
  const names = new Map(weightNames(config).map(([ours, theirs]) => [theirs, ours]));
  const entries: StateDict = {};
  for (const [name, tensor] of Object.entries(withBareNames(stateDict, READ))) {
    const current = name.replace(OLD, (_, module: string) => `.${OLD_NAMES[module]!}.`);
    const ours = names.get(current);
    check(
      ours !== undefined,
      READ,
      "the weights of such a UNet2DModel",
      `"${name}", which does not belong there`,
    );
    entries[ours] = laidOut(ours, tensor, cosineFirst);
  }
  const specs = unetSpecs(config);
  const { [BIAS]: bias, ...stored } = specs;
  checkEntries(entries, stored, READ); // before what a config asks for is made: they lie in a file
  if (bias !== undefined)
    entries[BIAS] = fromFloat32(new Float32Array(sizeOf(bias.shape)), bias.shape, "F32");
  return paramsFromTorch(entries, specs, READ);
}

/** A UNet2DModel's state dict with the values of our weights; sines come first. */
export async function writeUnetWeights(config: UnetConfig, params: Params): Promise<StateDict> {
  const entries = weightNames(config).map(async ([ours, theirs]): Promise<[string, StoredTensor]> => {
    const { [ours]: weight, [BIAS]: bias } = params;
    if (ours === LABEL) return [theirs, await embedding(weight!, bias!)];
    const tensor = await toTorch(weight!);
    return [theirs, ours === TIME ? sinesThenCosines(tensor) : withoutField(tensor, ours)];
  });
  return Object.fromEntries(await Promise.all(entries));
}

const TIME = "time_embedding.timembedding.1.weight";
const LABEL = "y_embedding.weight";
/** An embedding has none. */
const BIAS = "y_embedding.bias";

/** Names of attention's layers before diffusers 0.15. */
const OLD = /\.(query|key|value|proj_attn)\./;
const OLD_NAMES: Readonly<Record<string, string>> = {
  query: "to_q",
  key: "to_k",
  value: "to_v",
  proj_attn: "to_out.0",
};

/** Their tensor in the layout that the authors' PyTorch network would have. */
function laidOut(ours: string, tensor: StoredTensor, cosineFirst: boolean): StoredTensor {
  if (tensor.shape.length !== 2) return tensor;
  if (ours === TIME)
    return withColumns(tensor, (i, half) => (i >> 1) + ((i % 2 === 1) === cosineFirst ? 0 : half));
  if (ours === LABEL) return transposed(tensor);
  return isProjection(ours) ? { ...tensor, shape: [...tensor.shape, 1, 1] } : tensor;
}

const isProjection = (ours: string) => /\.attn\.proj(_[qkv])?\.weight$/.test(ours);

function withoutField(tensor: StoredTensor, ours: string): StoredTensor {
  return isProjection(ours) ? { ...tensor, shape: tensor.shape.slice(0, 2) } : tensor;
}

function transposed(tensor: StoredTensor): StoredTensor {
  const [rows, columns] = tensor.shape as [number, number];
  const values = toFloat32(tensor);
  const turned = values.map((_, at) => values[(at % rows) * columns + Math.floor(at / rows)]!);
  return fromFloat32(turned, [columns, rows], "F32");
}

/** An embedding's rows are what a linear layer makes of each one-hot vector. */
async function embedding(weight: tf.Tensor, bias: tf.Tensor): Promise<StoredTensor> {
  const [values, offsets] = await Promise.all([weight.data<"float32">(), bias.data<"float32">()]);
  return fromFloat32(
    values.map((value, i) => value + offsets[i % offsets.length]!),
    weight.shape,
    "F32",
  );
}

/** Every weight's name here and there. */
function weightNames(config: UnetConfig): [ours: string, theirs: string][] {
  const modules = Object.entries(moduleNames(config));
  const both = modules.flatMap(([ours, theirs]): [string, string][] => [
    [`${ours}.weight`, `${theirs}.weight`],
    [`${ours}.bias`, `${theirs}.bias`],
  ]);
  const specs = unetSpecs(config);
  const labels: [string, string][] = config.classes === undefined ? [] : [[LABEL, "class_embedding.weight"]];
  return [...both.filter(([ours]) => Object.hasOwn(specs, ours)), ...labels];
}

/** Our name of each layer and theirs; more than the network has, as not every block has a shortcut or attention. */
function moduleNames(config: UnetConfig): Record<string, string> {
  const { down, middle, up } = unetPlan(config);
  return {
    head: "conv_in",
    "tail.0": "conv_norm_out",
    "tail.2": "conv_out",
    "time_embedding.timembedding.1": "time_embedding.linear_1",
    "time_embedding.timembedding.3": "time_embedding.linear_2",
    ...stepNames(down, (level) => `down_blocks.${level}`),
    ...stepNames(middle, () => "mid_block"),
    ...stepNames(up, (level) => `up_blocks.${level}`),
  };
}

/** They number blocks within a level, and levels in the order in which they run. */
function stepNames(steps: readonly UnetStep[], levelName: (level: number) => string): Record<string, string> {
  const names: Record<string, string> = {};
  let [level, block] = [0, 0];
  for (const { kind, name } of steps) {
    if (kind === "block") {
      for (const [ours, theirs] of Object.entries(BLOCK)) {
        names[`${name}.${ours}`] = `${levelName(level)}.${theirs.replace("#", String(block))}`;
      }
      block++;
      continue;
    }
    names[`${name}.main`] = `${levelName(level)}.${kind === "halve" ? "down" : "up"}samplers.0.conv`;
    [level, block] = [level + 1, 0];
  }
  return names;
}

const BLOCK = {
  "block1.0": "resnets.#.norm1",
  "block1.2": "resnets.#.conv1",
  "temb_proj.1": "resnets.#.time_emb_proj",
  "block2.0": "resnets.#.norm2",
  "block2.3": "resnets.#.conv2",
  shortcut: "resnets.#.conv_shortcut",
  "attn.group_norm": "attentions.#.group_norm",
  "attn.proj_q": "attentions.#.to_q",
  "attn.proj_k": "attentions.#.to_k",
  "attn.proj_v": "attentions.#.to_v",
  "attn.proj": "attentions.#.to_out.0",
};
