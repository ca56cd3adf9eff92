import { MOST } from "../bounds.js";
import { check, checkOptions, checkPositiveInteger, isNumber } from "../check.js";

/** What {@link unet} takes. Widths are `channels * multipliers[level]`; level 0 has the full resolution. */
export interface UnetOptions {
  readonly type?: "unet";
  /** Width of the first level, even: the time embedding is that wide too. */
  readonly channels: number;
  /** Width of each level in units of `channels`; between levels the image is halved. */
  readonly multipliers: readonly number[];
  /** Levels whose blocks have self-attention; the first middle block always has it. */
  readonly attention: readonly number[];
  /** Residual blocks a level on the way down; one more on the way up. */
  readonly blocks: number;
  /** The network sees t * timeScale: rows of the authors' embedding table - 1. */
  readonly timeScale: number;
  /** Probability of dropping a value in training mode; default 0. */
  readonly dropout?: number;
  /** Number of classes of a class-conditional network; left out if unconditional. */
  readonly classes?: number;
  /** Channels of the images; default 3. */
  readonly imageChannels?: number;
  /** Groups of every group norm; must divide every width. Default 32, the authors'. */
  readonly groups?: number;
  /** What every group norm adds to the variance. Default 1e-5, the authors'. */
  readonly epsilon?: number;
  /** Channels of an attention head; left out for a single head, the authors'. */
  readonly headWidth?: number;
  /** Where a halving convolution pads: on "both" sides (the authors', default), or at the right and lower "end". */
  readonly halvingPadding?: "both" | "end";
  /** Added to t * timeScale. Default 0. */
  readonly timeOffset?: number;
  /** The network sees t as a `flowSchedule` of this `shift` moves it; left out as it is. */
  readonly timeShift?: number;
  /** The encoding's frequencies are exp(-ln(10000) i / (channels / 2 - frequencyShift)). Default 0. */
  readonly frequencyShift?: number;
}

/** {@link UnetOptions} with every default filled in; plain JSON. */
export interface UnetConfig extends Required<Omit<UnetOptions, "classes" | "headWidth" | "timeShift">> {
  readonly classes?: number;
  readonly headWidth?: number;
  readonly timeShift?: number;
}

const OPTIONS = {
  type: true,
  channels: true,
  multipliers: true,
  attention: true,
  blocks: true,
  timeScale: true,
  dropout: true,
  classes: true,
  imageChannels: true,
  groups: true,
  epsilon: true,
  headWidth: true,
  halvingPadding: true,
  timeOffset: true,
  timeShift: true,
  frequencyShift: true,
} as const;

/** The complete config, or an error naming the field that cannot be. */
export function unetConfig(options: UnetOptions): UnetConfig {
  checkOptions("unet", options, OPTIONS);
  const { channels, multipliers, attention, blocks, timeScale, classes, headWidth, timeShift } = options;
  const { type = "unet", dropout = 0, imageChannels = 3, groups = 32, epsilon = 1e-5 } = options;
  const { halvingPadding = "both", timeOffset = 0, frequencyShift = 0 } = options;
  const config: UnetConfig = {
    ...{ type, channels, multipliers, attention, blocks, timeScale, dropout },
    ...(classes === undefined ? {} : { classes }),
    ...{ imageChannels, groups, epsilon },
    ...(headWidth === undefined ? {} : { headWidth }),
    ...{ halvingPadding, timeOffset, frequencyShift },
    ...(timeShift === undefined ? {} : { timeShift }),
  };
  checkSizes(config);
  checkDetails(config);
  checkLevels(config);
  return { ...config, multipliers: [...config.multipliers], attention: [...config.attention] };
}

function checkSizes(config: UnetConfig): void {
  const { type, channels, timeScale, dropout, classes } = config;
  check(type === "unet", "unet", 'type to be "unet"', type);
  for (const key of ["channels", "blocks", "imageChannels", "groups"] as const) {
    checkPositiveInteger(config[key], "unet", key);
  }
  check(channels % 2 === 0, "unet", "channels to be even", channels);
  check(Number.isFinite(timeScale) && timeScale > 0, "unet", "timeScale to be a positive number", timeScale);
  check(Number.isFinite(dropout) && dropout >= 0 && dropout < 1, "unet", "dropout in [0, 1)", dropout);
  if (classes !== undefined) checkPositiveInteger(classes, "unet", "classes");
}

function checkDetails(config: UnetConfig): void {
  const { epsilon, headWidth, halvingPadding, timeOffset, timeShift, frequencyShift } = config;
  check(Number.isFinite(epsilon) && epsilon > 0, "unet", "epsilon to be a positive number", epsilon);
  if (headWidth !== undefined) checkPositiveInteger(headWidth, "unet", "headWidth");
  check(
    ["both", "end"].includes(halvingPadding),
    "unet",
    'halvingPadding to be "both" or "end"',
    halvingPadding,
  );
  check(Number.isFinite(timeOffset), "unet", "timeOffset to be a number", timeOffset);
  if (timeShift !== undefined) {
    check(isNumber(timeShift) && timeShift > 0, "unet", "timeShift to be a positive number", timeShift);
  }
  const half = config.channels / 2;
  const spread = `frequencyShift to be at least 0 and below channels / 2, ${half}`;
  const inside = Number.isFinite(frequencyShift) && frequencyShift >= 0 && frequencyShift < half;
  check(inside, "unet", spread, frequencyShift);
}

function checkLevels(config: UnetConfig): void {
  const { channels, multipliers, attention, blocks, groups, headWidth = 1 } = config;
  const expected = "multipliers to be a list of positive integers";
  check(Array.isArray(multipliers) && multipliers.length > 0, "unet", expected, multipliers);
  const levels = multipliers.length;
  check(levels <= MOST.levels, "unet", `at most ${MOST.levels} levels`, levels);
  const all = levels * (2 * blocks + 1) + 2; // down, up and in the middle
  check(all <= MOST.blocks, "unet", `at most ${MOST.blocks} blocks in all`, all);
  for (const multiplier of multipliers) {
    checkPositiveInteger(multiplier, "unet", "every multiplier");
    const width = channels * multiplier;
    check(width % groups === 0, "unet", `groups (${groups}) to divide every width`, `width ${width}`);
  }
  check(channels % groups === 0, "unet", `groups (${groups}) to divide channels`, channels);
  const isList = Array.isArray(attention) && attention.length <= MOST.levels;
  check(isList, "unet", "attention to be a list of levels", attention);
  const isLevel = (level: number) => Number.isInteger(level) && level >= 0 && level < multipliers.length;
  const distinct = new Set(attention).size === attention.length;
  const valid = distinct && attention.every(isLevel);
  check(valid, "unet", `attention to hold distinct levels below ${multipliers.length}`, attention);
  for (const level of [...(attention as number[]), multipliers.length - 1]) {
    const width = channels * (multipliers[level] as number);
    check(
      width % headWidth === 0,
      "unet",
      `headWidth (${headWidth}) to divide the width ${width}`,
      `level ${level}`,
    );
  }
}

/** What {@link isImageShape} holds for, in words. */
export const IMAGE_SHAPE = `[height, width, channels] of at most ${MOST.pixels} numbers`;

/** Whether a value is a shape that an image can have. */
export function isImageShape(value: unknown): value is readonly [number, number, number] {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const sizes = value as unknown[];
  const positive = sizes.every((size) => Number.isSafeInteger(size) && (size as number) > 0);
  return positive && (sizes as number[]).reduce((product, size) => product * size, 1) <= MOST.pixels;
}

/** Throws unless images of this shape can go through the network; `name` is what has the shape. */
export function checkImageShape(
  shape: readonly number[],
  { multipliers, imageChannels }: Pick<UnetConfig, "multipliers" | "imageChannels">,
  where: string,
  name: string,
): void {
  check(isImageShape(shape), where, `${name} to be ${IMAGE_SHAPE}`, shape);
  const [height, width, channels] = shape;
  const got = `[${shape.join(", ")}]`;
  check(channels === imageChannels, where, `${name} to have ${imageChannels} channels`, got);
  const unit = 2 ** (multipliers.length - 1);
  const divisible = height % unit === 0 && width % unit === 0;
  check(divisible, where, `height and width divisible by ${unit} in ${name}`, got);
}
