import { describe } from "../../check.js";
import { printable } from "../printable.js";
import { table } from "../table.js";
import type { InspectedCheckpoint } from "./checkpoint.js";
import type { InspectedDiffusers, InspectedTensors, Inspection } from "./inspect.js";

/** What was found, as tables. */
export function inspectionText(found: Inspection): string {
  switch (found.kind) {
    case "checkpoint":
      return `${printable(found.path)}: a checkpoint of cfd-distill, ${number(found.bytes)} bytes\n\n${checkpointText(found)}`;
    case "diffusers":
      return `${printable(found.path)}: a folder of diffusers\n\n${diffusersText(found)}`;
    case "safetensors":
      return `${printable(found.path)}: a safetensors file, ${number(found.bytes)} bytes\n\n${tensorsText(found)}`;
    case "torch":
      return `${printable(found.path)}: a PyTorch file, ${number(found.bytes)} bytes\n\n${tensorsText(found)}`;
  }
}

const number = (value: number) => value.toLocaleString("en");
const yesOrNo = (value: boolean) => (value ? "yes" : "no");

function checkpointText(found: InspectedCheckpoint): string {
  const { schedule, optimizer, imageShape } = found;
  return facts([
    ["network", settings(found.network)],
    ["weights", `${number(found.weights)} in ${found.dtypes.join(", ")}`],
    ["predicts", found.predictionType],
    ["sampling steps", found.steps],
    ["schedule", schedule && settings(schedule)],
    ["clip", found.clip],
    ["images", imageShape?.join("x")],
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

function tensorsText({ metadata = {}, leaves, networks, refusals }: InspectedTensors): string {
  const recognised = networks.map(({ name, reader, network, weights }) => {
    return `${quoted(name)} is a network for ${reader}, of ${number(weights)} weights: ${settings(network)}`;
  });
  const refused = refusals.map(({ name, reason }) => `${quoted(name)} is not recognised: ${reason}`);
  const values = leaves.flatMap((leaf) => ("value" in leaf ? [[leaf.name, leaf.value]] : []));
  const tensors = leaves.flatMap((leaf) =>
    "dtype" in leaf ? [[leaf.name, leaf.dtype, `[${leaf.shape.join(", ")}]`]] : [],
  );
  const notes = Object.entries(metadata).map(([key, value]) => [key, describe(value)]);
  const tables = [notes, values, tensors].filter((rows) => rows.length > 0).map(table);
  return [[...recognised, ...refused].map(printable).join("\n"), ...tables]
    .filter((part) => part !== "")
    .join("\n\n");
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
