import * as tf from "../../tfjs.js";
import { check, checkOptions, fail } from "../../check.js";
import { encodeTimes } from "../../models/time-embedding.js";
import type { UnetConfig, UnetOptions } from "../../models/unet-config.js";
import { unetSpecs } from "../../models/unet-plan.js";
import { unet, type Unet } from "../../models/unet.js";
import type { Grads, Params } from "../../types.js";
import { toFloat32, type StateDict, type StoredTensor } from "../state-dict.js";
import { checkTensors, countOf, entryOf, paramsFromTorch, toTorch, widthOf, unwrapped } from "./layout.js";

const AUTHORS_GROUPS = 32;
const TABLE = "time_embedding.timembedding.0.weight";
const FROM = "unetFromTorch";
const TO = "unetToTorch";

/**
 * Reads the authors' U-Net. Widths, multipliers, attention levels, blocks, classes and the time scale are read off
 * the names and shapes; `dropout` is 0. The table of sines and cosines is checked and then dropped, as the network
 * computes it.
 *
 * @param stateDict PyTorch's `state_dict()` with entries of any float type; what DataParallel,
 *   torch.compile and other wrappers put into names (`module.`, `_orig_mod.`) is passed over
 * @param options.groups the groups of every group norm, which no entry tells. Default 32, the authors'
 * @returns the network and its weights as new variables; the caller disposes `params`
 * @throws if entries are missing, unknown, of another shape or not floats, which the error names; if the table does
 *   not hold the sines and cosines that the network would compute
 * @example
 * ```ts
 * import { createRng, disposeParams, unet } from "cfd-distill";
 * import { unetFromTorch, unetToTorch } from "cfd-distill/formats";
 * const teacher = unet({ channels: 32, multipliers: [1], attention: [], blocks: 1, timeScale: 8 });
 * const weights = teacher.init(createRng(0));
 * const stateDict = await unetToTorch(teacher, weights);
 * const { network, params } = unetFromTorch(stateDict);
 * console.log(network.config.timeScale); // 8
 * disposeParams(weights);
 * disposeParams(params);
 * ```
 */
export function unetFromTorch(
  stateDict: Readonly<StateDict>,
  options: { readonly groups?: number } = {},
): { readonly network: Unet; readonly params: Params } {
  checkOptions(FROM, options, { groups: true });
  const { [TABLE]: table, ...entries } = unwrapped(stateDict, FROM);
  const config = readConfig(entries, table ?? entryOf(entries, TABLE, FROM));
  checkGroups(config.channels, options.groups);
  const network = unet({ ...config, ...options });
  return { network, params: paramsFromTorch(entries, unetSpecs(network.config), FROM) };
}

/** Every width is a multiple of the first. */
function checkGroups(width: number, groups: number | undefined): void {
  if (!Number.isInteger(groups ?? AUTHORS_GROUPS)) return; // which `unet` refuses
  const said =
    groups === undefined ? `${AUTHORS_GROUPS}, the authors', as no file tells them` : String(groups);
  const expected = `groups (${said}; see the option groups) to divide every width`;
  check(width % (groups ?? AUTHORS_GROUPS) === 0, FROM, expected, `width ${width}`);
}

/**
 * Writes U-Net weights, or their gradients, as the authors' code names and stores them. Weights (variables) come
 * with the table of sines and cosines, so that `load_state_dict(strict=True)` takes them; gradients (tensors that
 * are not variables) come without it, as PyTorch's `named_parameters()` do.
 *
 * @param network the U-Net; its `timeScale` must be an integer
 * @param paramsOrGrads all its weights, or all its gradients as `valueAndGrads` returns them; unchanged
 * @returns a promise of float32 tensors on the host. Weights that came from {@link unetFromTorch} as float32 are the
 *   same bit for bit; the table is the float64 one, rounded
 * @throws (by rejecting) if the network is not a U-Net, or the weights are not its own
 * @example
 * ```ts
 * import { createRng, disposeParams, unet } from "cfd-distill";
 * import { encodeSafetensors, unetToTorch } from "cfd-distill/formats";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const bytes = encodeSafetensors(await unetToTorch(network, params)); // in Python: safetensors.torch.load
 * console.log(bytes.length);
 * disposeParams(params);
 * ```
 */
export async function unetToTorch(
  network: Pick<Unet, "config">,
  paramsOrGrads: Params | Grads,
): Promise<StateDict> {
  const { config } = network;
  check(config.type === "unet", TO, "a U-Net", config);
  checkAuthors(config);
  const isWeight = Object.values(paramsOrGrads).map((tensor) => tensor instanceof tf.Variable);
  const areWeights = isWeight.includes(true);
  check(!areWeights || !isWeight.includes(false), TO, "either all weights or all gradients", "a mixture");
  checkTensors(paramsOrGrads, unetSpecs(config), TO);
  const table = areWeights ? { [TABLE]: writeTable(config) } : {};
  const read = Object.entries(paramsOrGrads).map(
    async ([name, tensor]) => [name, await toTorch(tensor)] as const,
  );
  return { ...table, ...Object.fromEntries(await Promise.all(read)) };
}

function readConfig(entries: Readonly<StateDict>, table: StoredTensor): UnetOptions {
  const [channels, imageChannels] = entryOf(entries, "head.weight", FROM).shape;
  const { multipliers, attention, blocks } = readLevels(entries, channels!);
  const classes = Object.hasOwn(entries, "y_embedding.weight")
    ? { classes: entries["y_embedding.weight"]!.shape[1]! }
    : {};
  const timeScale = (table.shape[0] ?? 0) - 1;
  checkTable(table, channels!);
  return {
    ...{ type: "unet", channels: channels!, multipliers, attention, blocks, timeScale, ...classes },
    ...{ dropout: 0, imageChannels: imageChannels! },
  };
}

/** The way down tells the levels: each ends with a convolution `main`, but for the last. */
function readLevels(entries: Readonly<StateDict>, channels: number) {
  const names = Object.keys(entries);
  const has = (prefix: string) => names.some((name) => name.startsWith(prefix));
  const count = countOf(names, /^downblocks\.(\d+)\./, FROM);
  const steps = Array.from({ length: count }, (_, i) => `downblocks.${i}`);
  const levels: string[][] = [[]];
  for (const step of steps) {
    if (has(`${step}.main.`)) levels.push([]);
    else levels.at(-1)!.push(step);
  }
  const empty = levels.findIndex((level) => level.length === 0);
  check(empty === -1, FROM, `downblocks with residual blocks at level ${empty}`, "none");
  const counts = levels.map((level) => level.length);
  check(new Set(counts).size === 1, FROM, "as many residual blocks at every level of downblocks", counts);
  const widths = levels.map((level) => widthOf(entries, `${level.at(-1)!}.block1.2.weight`, FROM));
  const odd = widths.find((width) => width % channels !== 0);
  check(odd === undefined, FROM, `widths that are multiples of head's ${channels}`, odd);
  return {
    multipliers: widths.map((width) => width / channels),
    attention: levels.flatMap((level, i) => (has(`${level[0]!}.attn.`) ? [i] : [])),
    blocks: levels[0]!.length,
  };
}

/**
 * The authors compute the table in float32: the frequency's rounding, at most about 2^-22 of its value, grows with
 * the position. A table stored in 16 bits is that much coarser.
 */
function checkTable(table: StoredTensor, channels: number): void {
  const [rows = 0, width = 0] = table.shape;
  const shaped = table.shape.length === 2 && rows >= 2 && width === channels;
  check(shaped, FROM, `"${TABLE}" to have shape [steps + 1, ${channels}]`, `[${table.shape.join(", ")}]`);
  const rounding = { F16: 2 ** -11, BF16: 2 ** -8 }[table.dtype as string] ?? 0;
  const values = toFloat32(table);
  const expected = tableValues(rows - 1, channels);
  for (let i = 0; i < values.length; i++) {
    const tolerance = 1e-6 + 2 ** -21 * Math.floor(i / width) + rounding;
    if (Math.abs(values[i]! - expected[i]!) <= tolerance) continue;
    const place = `"${TABLE}"[${Math.floor(i / width)}, ${i % width}]`;
    fail(
      FROM,
      `${place} to be ${expected[i]!.toPrecision(6)}, from the table of sines and cosines`,
      values[i]!,
    );
  }
}

function writeTable({ timeScale, channels }: UnetConfig): StoredTensor {
  check(
    Number.isInteger(timeScale),
    TO,
    "an integer timeScale, as the table has timeScale + 1 rows",
    timeScale,
  );
  const data = tableValues(timeScale, channels);
  return { dtype: "F32", shape: [timeScale + 1, channels], data };
}

/** Row i of the table is what the network makes of time i / timeScale. */
function tableValues(timeScale: number, width: number): Float32Array<ArrayBuffer> {
  const positions = Array.from({ length: timeScale + 1 }, (_, i) => i);
  return encodeTimes(positions, { timeScale: 1, timeOffset: 0, frequencyShift: 0, width });
}

/** The authors' code has one head, pads both sides, and so on: these options can only have their defaults. */
function checkAuthors(config: UnetConfig): void {
  const { epsilon, headWidth, halvingPadding, timeOffset, timeShift, frequencyShift } = config;
  const same = headWidth === undefined && epsilon === 1e-5 && halvingPadding === "both";
  const plain = same && timeOffset === 0 && timeShift === undefined && frequencyShift === 0;
  const expected =
    "the authors' epsilon, halvingPadding, timeOffset and frequencyShift, and no headWidth or timeShift";
  check(plain, TO, expected, { epsilon, headWidth, halvingPadding, timeOffset, timeShift, frequencyShift });
}
