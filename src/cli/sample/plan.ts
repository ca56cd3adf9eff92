import { check } from "../../check.js";
import { checkAsked } from "../../generator/asked.js";
import type { BackendName, Generator } from "../../index.js";
import type { ImageGridOptions } from "../../data/index.js";

/** What the command was asked for. */
export interface Drawing {
  readonly checkpoint: string;
  readonly output: string;
  readonly force: boolean;
  readonly seeds: readonly number[];
  readonly labels?: readonly (number | string)[];
  readonly steps?: number;
  readonly columns?: number;
  readonly scale?: number;
  readonly batch: number;
  readonly engine: BackendName;
}

/** What the model is asked for, and how its images are laid out. */
export interface Plan {
  readonly steps: number;
  readonly labels: readonly number[] | undefined;
  readonly layout: ImageGridOptions;
}

const WHERE = "sample";
const GAP = 2;
const MOST_PIXELS = 2 ** 26;
const USUAL_WIDTH = 100;

/** Refuses, before anything is computed, what the model cannot be asked for. */
export function plan(generator: Generator, drawing: Drawing): Plan {
  const { seeds, steps = generator.steps } = drawing;
  const labels = labelsOf(generator, drawing);
  checkAsked(WHERE, generator, { seeds, steps, labels });
  return { steps, labels, layout: layoutOf(generator, drawing) };
}

/** A number of things, in words. */
export const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

/** One label an image; unless told otherwise all classes in turn, where the model knows any. */
function labelsOf({ classes, classNames = [] }: Generator, drawing: Drawing): readonly number[] | undefined {
  const { seeds } = drawing;
  const labels = drawing.labels?.map((label) => numberOf(label, classNames));
  if (labels === undefined) return classes === undefined ? undefined : seeds.map((_, i) => i % classes);
  if (labels.length === 1) return seeds.map(() => labels[0]!);
  check(labels.length === seeds.length, WHERE, `one label, or ${seeds.length}, one a seed`, labels.length);
  return labels;
}

const MOST_NAMES = 20;

/** The label of a class by its name. */
function numberOf(label: number | string, classNames: readonly string[]): number {
  if (typeof label === "number") return label;
  const names =
    classNames.length > 0
      ? `labels among ${classNames.slice(0, MOST_NAMES).join(", ")}${classNames.length > MOST_NAMES ? ", ..." : ""}`
      : "labels by number, as the file has no names";
  const at = classNames.indexOf(label);
  check(at >= 0, WHERE, names, label);
  return at;
}

/** The grid's layout, as wide as it is high unless told otherwise; refused where memory could not hold the picture. */
function layoutOf(
  { imageShape: [height, width] }: Generator,
  { seeds, ...drawing }: Drawing,
): ImageGridOptions {
  const {
    columns = Math.ceil(Math.sqrt(seeds.length)),
    scale = Math.max(1, Math.floor(USUAL_WIDTH / width)),
  } = drawing;
  const rows = Math.ceil(seeds.length / columns);
  const pixels = rows * (height * scale + GAP) * Math.min(columns, seeds.length) * (width * scale + GAP);
  check(pixels <= MOST_PIXELS, WHERE, `a picture of at most ${MOST_PIXELS} pixels (see --scale)`, pixels);
  return { columns, scale, gap: GAP };
}
