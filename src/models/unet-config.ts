import { check, checkOptions, checkPositiveInteger } from "../check.js";

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
  /** The encoding's frequencies are exp(-ln(10000) i / (channels / 2 - frequencyShift)). Default 0. */
  readonly frequencyShift?: number;
}

/** {@link UnetOptions} with every default filled in; plain JSON. */
export interface UnetConfig extends Required<Omit<UnetOptions, "classes" | "headWidth">> {
  readonly classes?: number;
  readonly headWidth?: number;
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
  frequencyShift: true,
} as const;

/** The complete config, or an error naming the field that cannot be. */
export function unetConfig(options: UnetOptions): UnetConfig {
  checkOptions<UnetOptions>("unet", options, OPTIONS);
  const config: UnetConfig = {
    type: options.type ?? "unet",
    channels: options.channels,
    multipliers: options.multipliers,
    attention: options.attention,
    blocks: options.blocks,
    timeScale: options.timeScale,
    dropout: options.dropout ?? 0,
    ...(options.classes === undefined ? {} : { classes: options.classes }),
    imageChannels: options.imageChannels ?? 3,
    groups: options.groups ?? 32,
    epsilon: options.epsilon ?? 1e-5,
    ...(options.headWidth === undefined ? {} : { headWidth: options.headWidth }),
    halvingPadding: options.halvingPadding ?? "both",
    timeOffset: options.timeOffset ?? 0,
    frequencyShift: options.frequencyShift ?? 0,
  };
  checkSizes(config);
  checkDetails(config);
  checkLevels(config);
  return { ...config, multipliers: [...config.multipliers], attention: [...config.attention] };
}

// From a damaged file, more would take for ever.
const MOST_BLOCKS = 1000;
const MOST_LEVELS = 16;

function checkSizes(config: UnetConfig): void {
  const { type, channels, timeScale, dropout, classes } = config;
  check(type === "unet", "unet", 'type to be "unet"', type);
  for (const key of ["channels", "blocks", "imageChannels", "groups"] as const) {
    checkPositiveInteger(config[key], "unet", key);
  }
  check(channels % 2 === 0, "unet", "channels to be even", channels);
  const { blocks } = config;
  check(blocks <= MOST_BLOCKS, "unet", `at most ${MOST_BLOCKS} blocks a level`, blocks);
  check(Number.isFinite(timeScale) && timeScale > 0, "unet", "timeScale to be a positive number", timeScale);
  check(dropout >= 0 && dropout < 1, "unet", "dropout in [0, 1)", dropout);
  if (classes !== undefined) checkPositiveInteger(classes, "unet", "classes");
}

function checkDetails(config: UnetConfig): void {
  const { epsilon, headWidth, halvingPadding, timeOffset, frequencyShift } = config;
  check(Number.isFinite(epsilon) && epsilon > 0, "unet", "epsilon to be a positive number", epsilon);
  if (headWidth !== undefined) checkPositiveInteger(headWidth, "unet", "headWidth");
  check(
    ["both", "end"].includes(halvingPadding),
    "unet",
    'halvingPadding to be "both" or "end"',
    halvingPadding,
  );
  check(Number.isFinite(timeOffset), "unet", "timeOffset to be a number", timeOffset);
  const half = config.channels / 2;
  const spread = `frequencyShift to be at least 0 and below channels / 2, ${half}`;
  check(frequencyShift >= 0 && frequencyShift < half, "unet", spread, frequencyShift);
}

function checkLevels({ channels, multipliers, attention, groups, headWidth = 1 }: UnetConfig): void {
  const expected = "multipliers to be a list of positive integers";
  check(Array.isArray(multipliers) && multipliers.length > 0, "unet", expected, multipliers);
  check(multipliers.length <= MOST_LEVELS, "unet", `at most ${MOST_LEVELS} levels`, multipliers.length);
  for (const multiplier of multipliers) {
    checkPositiveInteger(multiplier, "unet", "every multiplier");
    const width = channels * multiplier;
    check(width % groups === 0, "unet", `groups (${groups}) to divide every width`, `width ${width}`);
  }
  check(channels % groups === 0, "unet", `groups (${groups}) to divide channels`, channels);
  check(Array.isArray(attention), "unet", "attention to be a list of levels", attention);
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
