import { fetchBytes, type Progress } from "./fetching.js";
import type { Manifest, Method, ShippedModel } from "../emoji/manifest.js";
import type { ModelFacts } from "./sampler.js";
import { inSteps } from "../../tools/words.js";

/** A model that the page knows, with its file behind a function: it is fetched when it is first drawn with. */
export interface PageModel {
  readonly id: string;
  readonly title: string;
  /** The file; `tell` hears how much of it is there while it comes. */
  readonly bytes: (tell?: (progress: Progress) => void) => Promise<Uint8Array>;
  /** Where it is, for others to load it; a file of the visitor's has but a name. */
  readonly address: string;
  /** How many steps it was trained for, which are the most it takes; of a file of the visitor's known once it is loaded. */
  readonly steps?: number;
  /** What its classes are called, where they are not the page's: none of an unconditional model. */
  readonly classes?: readonly string[];
}

/** A model that ships. It is fetched once, and again after a failure. */
export function shippedModel(shipped: ShippedModel): PageModel {
  const path = `models/${shipped.file}`;
  let file: Promise<Uint8Array> | undefined;
  let listeners: Set<(progress: Progress) => void> | undefined; // while it comes
  const begin = () => {
    const heard = (listeners = new Set());
    const coming = fetchBytes(path, (progress) => {
      for (const listener of heard) listener(progress);
    }).finally(() => (listeners = undefined));
    coming.catch(() => (file = undefined));
    return coming;
  };
  return {
    id: shipped.id,
    title: titleOf(shipped),
    address: new URL(path, document.baseURI).href,
    steps: shipped.steps,
    bytes(tell) {
      file ??= begin();
      if (tell) listeners?.add(tell);
      return file;
    },
  };
}

/** A model whose bytes are here: dropped on the page, or made in it. */
export function heldModel(id: string, title: string, address: string, bytes: Uint8Array): PageModel {
  return { id, title, address, bytes: () => Promise.resolve(bytes) };
}

/**
 * A model of the visitor's own, with its steps, and its classes as it names them. Where it does not, as many as the page's are the page's:
 * what was distilled here.
 */
export function ownModel(
  held: PageModel,
  { steps, classes = 0, classNames }: ModelFacts,
  page: Pick<Manifest, "classes">,
): PageModel {
  const model = { ...held, steps };
  if (classNames) return { ...model, classes: classNames };
  if (classes === page.classes.length) return model;
  return { ...model, classes: Array.from({ length: classes }, (_, i) => `class ${i}`) };
}

/** The model of a method whose training fits a number of steps best. */
export function nearestModel(models: readonly ShippedModel[], method: Method, steps: number): ShippedModel {
  const candidates = models.filter((model) => model.method === method);
  const distance = (model: ShippedModel) => Math.abs(Math.log2(model.steps / steps));
  const [first, ...others] = candidates;
  if (first === undefined) throw new Error(`manifest.json lists no model of the method ${method}.`);
  return others.reduce((best, model) => (distance(model) < distance(best) ? model : best), first);
}

/** The model that the page's distillation starts from. */
export function distilledModel({ models, distillation }: Manifest): ShippedModel {
  const found = models.find(({ id }) => id === distillation.teacher);
  if (found === undefined) throw new Error(`manifest.json lists no model ${distillation.teacher}.`);
  return found;
}

function titleOf({ method, steps }: ShippedModel): string {
  return method === "teacher"
    ? `Teacher, trained for ${inSteps(steps)}`
    : `${method.toUpperCase()} student, trained for ${inSteps(steps)}`;
}
