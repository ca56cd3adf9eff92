import { describe } from "../../check.js";
import { sizeOf } from "../../formats/state-dict.js";
import { printable } from "../printable.js";
import { table, wrapped } from "../table.js";
import type { InspectedCheckpoint } from "./checkpoint.js";
import type { InspectedDiffusers, InspectedTensors, Inspection } from "./inspect.js";

/** What was found, as tables: of tensors and values the first few, or all. */
export function inspectionText(found: Inspection, { all = false }: { readonly all?: boolean } = {}): string {
  switch (found.kind) {
    case "checkpoint":
      return `${printable(found.path)}: a checkpoint of cfd-distill, ${number(found.bytes)} bytes\n\n${checkpointText(found)}`;
    case "diffusers":
      return `${printable(found.path)}: a folder of diffusers\n\n${diffusersText(found)}`;
    case "safetensors":
      return `${printable(found.path)}: a safetensors file, ${number(found.bytes)} bytes\n\n${tensorsText(found, all)}`;
    case "torch":
      return `${printable(found.path)}: a PyTorch file, ${number(found.bytes)} bytes\n\n${tensorsText(found, all)}`;
  }
}

const number = (value: number) => value.toLocaleString("en");
const yesOrNo = (value: boolean) => (value ? "yes" : "no");

function checkpointText(found: InspectedCheckpoint): string {
  const { schedule, optimizer, imageShape, classNames } = found;
  return facts([
    ["network", settings(found.network)],
    ["weights", `${number(found.weights)} in ${found.dtypes.join(", ")}`],
    ["predicts", found.predictionType],
    ["sampling steps", found.steps],
    ["schedule", schedule && settings(schedule)],
    ["clip", found.clip],
    ["images", imageShape?.join("x")],
    ["classes", classNames?.join(", ")],
    ["averaged weights", yesOrNo(found.ema)],
    ["optimizer", optimizer ? settings(optimizer) : "no"],
    ["random state", yesOrNo(found.rng)],
    ["training steps", found.step],
    ["stage", found.stage && describe(found.stage)],
    ["extra", found.extra],
  ]);
}

function diffusersText({
  network,
  weights,
  predictionType,
  schedule,
  clip,
  size,
}: InspectedDiffusers): string {
  return facts([
    ["network", settings(network)],
    ["weights", number(weights)],
    ["predicts", predictionType],
    ["schedule", settings(schedule)],
    ["clip", clip],
    ["images", size && (typeof size === "number" ? [size, size] : size).join("x")],
  ]);
}

function tensorsText(found: InspectedTensors, all: boolean): string {
  const { metadata = {}, leaves, networks, refusals } = found;
  const recognised = networks.map(({ name, reader, network, weights }) => {
    const known = `${quoted(name)} is a network for ${reader}, of ${number(weights)} weights: ${settings(network)}`;
    return reader === "unetFromTorch" ? `${known}; ${GROUPS}` : known;
  });
  const refused = refusals.map(({ name, reason }) => `${quoted(name)} is not recognised: ${reason}`);
  const values = leaves.flatMap((leaf) => ("value" in leaf ? [[leaf.name, leaf.value]] : []));
  const tensors = leaves.flatMap((leaf) => ("dtype" in leaf ? [leaf] : []));
  const rows = tensors.map(({ name, dtype, shape }) => [name, dtype, `[${shape.join(", ")}]`]);
  const notes = Object.entries(metadata).map(([key, value]) => [key, describe(value)]);
  const size = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return [
    [...recognised, ...refused].map((line) => wrapped(printable(line), 2)).join("\n"),
    listing(notes, all, "notes"),
    listing(values, all, "values"),
    listing(rows, all, `tensors of ${number(size)} numbers in all`),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

const GROUPS =
  "the groups of its norms are not in the file: give them to unetFromTorch(stateDict, { groups }), which takes 32 otherwise";

/** As many lines as can be taken in. */
const FEW = 10;

/** The first rows, or all, beneath their number. */
function listing(rows: readonly (readonly string[])[], all: boolean, what: string): string {
  if (rows.length === 0) return "";
  if (all || rows.length <= FEW) return table(rows);
  return `${table(rows.slice(0, FEW))}\n... of ${number(rows.length)} ${what}; --tensors lists them`;
}

const quoted = (name: string) => (name === "" ? "it" : `"${name}"`);

/** Rows of what there is to tell. */
function facts(rows: readonly (readonly [what: string, value: unknown])[]): string {
  return table(rows.flatMap(([what, value]) => (value === undefined ? [] : [[what, text(value)]])));
}

const text = (value: unknown) => (typeof value === "string" ? value : describe(value));

const MOST_NUMBERS = 16;

/** A config in one line. */
function settings(config: object): string {
  const value = (entry: unknown) =>
    Array.isArray(entry) && entry.length > MOST_NUMBERS ? `${entry.length} numbers` : describe(entry);
  return Object.entries(config)
    .map(([key, entry]) => (key === "type" ? describe(entry) : `${key} ${value(entry)}`))
    .join(", ");
}
