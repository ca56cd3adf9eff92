import type { Weighting } from "cfd-distill";
import type { Sheet, SheetClasses } from "../recipe/sheet.js";

/** How a model came to be: trained from data, or distilled from a model of twice as many steps. */
export type Method = "teacher" | "pd" | "cfd";

/** One of the models that come with the page. */
export interface ShippedModel {
  readonly id: string;
  readonly method: Method;
  /** The number of sampling steps it was trained for. */
  readonly steps: number;
  readonly file: string;
}

/** assets/models/manifest.json: which models there are. Other models may take their place. */
export interface Manifest {
  readonly about: string;
  /** What made them. */
  readonly command: string;
  /** Which of the emoji they were trained on. */
  readonly dataset: { readonly classes: SheetClasses; readonly groups?: readonly string[] };
  /** Names of the labels 0, 1, ... */
  readonly classes: readonly string[];
  /** Some of the classes: those to show where there is no room for all. */
  readonly shown: readonly string[];
  readonly models: readonly ShippedModel[];
  /** Whose features CFD compares. */
  readonly classifier: string;
  /** The halving that can be run in the page. */
  readonly distillation: {
    /** A model's id; the student takes half as many steps. */
    readonly teacher: string;
    readonly batch: number;
    /** Whether every second picture is mirrored. */
    readonly flip: boolean;
    readonly rate: number;
    /** Of PD's loss. */
    readonly weighting: Weighting;
    /** Of CFD's features. */
    readonly temperature: number;
  };
}

/** The list of models. */
export async function loadManifest(): Promise<Manifest> {
  return (await (await load("models/manifest.json")).json()) as Manifest;
}

/** How the picture with the emoji is laid out. */
export async function loadSheet(): Promise<Sheet> {
  return (await (await load("emoji-24.json")).json()) as Sheet;
}

/** One file of the list. */
export async function loadFile(name: string): Promise<Uint8Array> {
  return new Uint8Array(await (await load(`models/${name}`)).arrayBuffer());
}

async function load(path: string): Promise<Response> {
  const url = new URL(path, document.baseURI);
  const response = await fetch(url).catch((cause: unknown) => {
    throw new Error(`${url.pathname} could not be loaded: is the page still online?`, { cause });
  });
  if (!response.ok) {
    throw new Error(`${url.pathname} could not be loaded: the server answered ${response.status}.`);
  }
  return response;
}

/** The model of a method whose training fits a number of steps best. */
export function nearestModel(models: readonly ShippedModel[], method: Method, steps: number): ShippedModel {
  const candidates = models.filter((model) => model.method === method);
  const distance = (model: ShippedModel) => Math.abs(Math.log2(model.steps / steps));
  const [first, ...others] = candidates;
  if (first === undefined) throw new Error(`manifest.json lists no model of the method ${method}.`);
  return others.reduce((best, model) => (distance(model) < distance(best) ? model : best), first);
}
