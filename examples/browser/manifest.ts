import type { Manifest, Method, ShippedModel } from "../emoji/manifest.js";
import type { SpriteSheet } from "../emoji/sprite-sheet.js";

/** The list of models. */
export async function loadManifest(): Promise<Manifest> {
  return (await (await load("models/manifest.json")).json()) as Manifest;
}

/** How the picture with the emoji is laid out. */
export async function loadSheet(): Promise<SpriteSheet> {
  return (await (await load("emoji-24.json")).json()) as SpriteSheet;
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
