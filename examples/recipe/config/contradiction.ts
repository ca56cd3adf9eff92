// What no single setting of a config has wrong.
import { densenet, resnet, unet } from "cfd-distill";
import { methodName, shiftOf } from "./halvings.js";
import type { Halving, RecipeConfig } from "./schema.js";
import { didYouMean } from "../../../tools/did-you-mean.js";
import { inSteps } from "../../../tools/words.js";

/** What settings have wrong together, in words; undefined if they fit. */
export function contradiction(config: RecipeConfig): string | undefined {
  for (const rule of [
    pictures,
    chain,
    shifts,
    files,
    labels,
    extractors,
    microBatches,
    networks,
    layers,
    prediction,
    alphas,
    weightings,
  ]) {
    const problem = rule(config);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const DATASETS: Readonly<Record<RecipeConfig["recipe"], readonly RecipeConfig["dataset"][]>> = {
  quickstart: ["emoji"],
  "cifar10-cfd": ["cifar10", "folder"],
};

function pictures({ recipe, dataset, imageSize }: RecipeConfig): string | undefined {
  const known = DATASETS[recipe];
  if (!known.includes(dataset)) return `dataset: ${recipe} has ${known.join(" and ")}, not ${dataset}`;
  if ((imageSize !== undefined) === (dataset === "folder")) return undefined;
  return `imageSize goes with the dataset folder, which it needs; the dataset is ${dataset}`;
}

function chain({ teacherSteps, halvings, files: known }: RecipeConfig): string | undefined {
  const stages = new Map([["teacher", teacherSteps]]);
  for (const halving of halvings) {
    const { name, teacher, studentSteps } = halving;
    const from = stages.get(teacher);
    const twin = [...stages.keys()].find((other) => other.toLowerCase() === name.toLowerCase());
    if (twin === name) return `two stages are named ${name}`;
    if (twin !== undefined)
      return `two stages are named ${twin} and ${name}, one file where case does not count`;
    if (known[name] === undefined) {
      if (from === undefined) return `${name} learns from ${teacher}, which is no stage before it`;
      const misfit = misfitOf(halving, from);
      if (misfit !== undefined) return misfit;
    }
    stages.set(name, studentSteps);
  }
  return undefined;
}

/** Why a teacher of so many steps cannot teach it. */
function misfitOf({ name, method, teacher, studentSteps }: Halving, from: number): string | undefined {
  if (method === "consistency" || method === "score") {
    return from > 1 ? undefined : `${name} comes to one step at once, as its teacher ${teacher} does already`;
  }
  if (from === 2 * studentSteps) return undefined;
  return `${name} of ${inSteps(studentSteps)} cannot halve ${teacher} of ${inSteps(from)}`;
}

/** A student answers at the times it was trained at, which are those of its shift. */
function shifts({ halvings, files: known }: RecipeConfig): string | undefined {
  const shiftBy = new Map(halvings.map((halving) => [halving.name, shiftOf(halving) ?? 0]));
  for (const halving of halvings) {
    const [own, teachers] = [shiftOf(halving) ?? 0, shiftBy.get(halving.teacher)];
    if (known[halving.name] !== undefined || teachers === undefined || own === teachers) continue;
    return `${halving.name} of shift ${own} cannot learn from ${halving.teacher} of shift ${teachers}, which knows other times`;
  }
  return undefined;
}

function files(config: RecipeConfig): string | undefined {
  const known = ["teacher", "classifier", ...config.halvings.map(({ name }) => name)];
  const stray = Object.keys(config.files).find((name) => !known.includes(name));
  return stray === undefined ? undefined : `files.${stray} is no stage${didYouMean(stray, known)}`;
}

/** Tables and pictures tell students by what they are called. */
function labels({ halvings, files: shipped }: RecipeConfig): string | undefined {
  const called = new Map<string, string>();
  for (const halving of halvings) {
    const { name, label, studentSteps } = halving;
    const origin = shipped[name] ? "from a file" : "trained";
    const title = JSON.stringify(
      label === undefined ? [methodName(halving), studentSteps, origin] : [label, studentSteps],
    );
    const twin = called.get(title);
    if (twin !== undefined)
      return `${twin} and ${name} would be called the same: give each a label of its own`;
    called.set(title, name);
  }
  return undefined;
}

function extractors({ extractors: all = [] }: RecipeConfig): string | undefined {
  const twice = all.find(({ name }, i) => all.findIndex((one) => one.name === name) !== i);
  return twice && `two extractors are named ${twice.name}`;
}

function microBatches({ base, classifier, halvings }: RecipeConfig): string | undefined {
  const stages = [{ ...base, name: "base" }, { ...classifier, name: "classifier" }, ...halvings];
  const uneven = stages.find(({ batch, microBatches: parts }) => batch % parts !== 0);
  if (!uneven) return undefined;
  return `${uneven.name}: a batch of ${uneven.batch} cannot be cut into ${uneven.microBatches} micro-batches`;
}

/** Networks know themselves which sizes fit together. */
function networks({
  unet: size,
  base,
  classifier: { network },
  teacherSteps,
}: RecipeConfig): string | undefined {
  try {
    unet({ ...size, dropout: base.dropout, timeScale: teacherSteps });
    if (network.type === "resnet") resnet({ ...network, classes: 2 });
    else if ("depth" in network) densenet({ depth: network.depth, classes: 2 });
    else densenet({ ...network, classes: 2 });
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/\.$/, "");
  }
}

function prediction({ prediction: flow, files: known, halvings }: RecipeConfig): string | undefined {
  if (flow !== undefined && known.teacher)
    return "prediction is of a teacher that is trained, and files.teacher is another";
  const shifted = flow === "flow" && halvings.find((one) => shiftOf(one) !== undefined);
  return shifted ? `${shifted.name}: shift is of a cosine schedule, and the prediction is flow` : undefined;
}

function layers({ halvings, classifier: { network }, files: known }: RecipeConfig): string | undefined {
  const deepest = Math.max(1, ...halvings.map((one) => ("layers" in one ? (one.layers ?? 1) : 1)));
  const depth = network.type === "resnet" ? network.blocks.length : 1;
  if (known.classifier !== undefined || deepest <= depth) return undefined;
  return `features of ${deepest} layers need a ResNet of as many stages as the classifier`;
}

function alphas({ halvings }: RecipeConfig): string | undefined {
  const stray = halvings.find((one) => one.method === "score" && one.variant === "vsd" && "alpha" in one);
  return stray && `${stray.name}: alpha is of sid, and the variant is vsd`;
}

function weightings({ base, halvings }: RecipeConfig): string | undefined {
  const weighted = [{ name: "base", ...base }, ...halvings.filter((halving) => halving.method === "pd")];
  const stray = weighted.find(
    ({ weighting }) => typeof weighting === "object" && (weighting.floor ?? 0) > weighting.minSnr,
  );
  return stray && `${stray.name}: the floor of a weighting is at most its minSnr`;
}
