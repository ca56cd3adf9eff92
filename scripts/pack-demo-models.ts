// Takes the models of a finished quickstart for the demo in a page (examples/browser), in half precision.
//   npm run quickstart -- --steps-scale 4 --out runs/demo && npm run demo:models -- runs/demo
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  disposeParams,
  encodeCheckpoint,
  useBackend,
  type Checkpoint,
  type NetworkCheckpoint,
} from "cfd-distill";
import { loadCheckpoint, loadNetworkCheckpoint } from "cfd-distill/node";
import type { Manifest, ShippedModel } from "../examples/browser/manifest.js";
import type { RecipeConfig } from "../examples/recipe/config.js";
import { loadEmoji } from "../examples/recipe/data.js";
import { presets } from "../examples/recipe/presets.js";

const run = process.argv[2] ?? "runs/demo";
const target = fileURLToPath(new URL("../examples/browser/public/models/", import.meta.url));
const config = JSON.parse(readFileSync(join(run, "config.json"), "utf8")) as RecipeConfig;
const checkpoint = (name: string) => join(run, "checkpoints", `${name}.safetensors`);

/** Writes the weights alone, the averaged ones where there are some: without moments, a sixth of the size. */
async function ship(name: string, loaded: Checkpoint | NetworkCheckpoint): Promise<string> {
  const { network, params, ema } = loaded;
  const weights = { network, params: ema ?? params };
  const bytes = await encodeCheckpoint("schedule" in loaded ? { ...modelOf(loaded), ...weights } : weights, {
    dtype: "F16",
  });
  disposeParams(params);
  if (ema) disposeParams(ema);
  const file = `${name}.safetensors`;
  writeFileSync(join(target, file), bytes);
  console.log(`${file}: ${Math.round(bytes.length / 1000)} kB`);
  return file;
}

/** What a checkpoint says about its model, without what training left in it. */
function modelOf({ schedule, predictionType, steps, imageShape }: Checkpoint) {
  return { schedule, predictionType, steps, imageShape };
}

async function shipModel(id: string, method: ShippedModel["method"]): Promise<ShippedModel> {
  const loaded = await loadCheckpoint(checkpoint(id));
  return { id, method, steps: loaded.steps, file: await ship(id, loaded) };
}

await useBackend("cpu");
mkdirSync(target, { recursive: true });
const { seed, parallel } = config;
const scale = config.base.steps / presets.quickstart.quickstart.base.steps;
const { plan } = presets.quickstart.quickstart;
const students = config.halvings.filter(({ studentSteps }) => studentSteps < plan.cfdFrom);
const models = [await shipModel("teacher", "teacher")];
for (const { name, method } of students) models.push(await shipModel(name, method));
const manifest: Manifest = {
  about: "Models of the quickstart, trained on 24x24 Noto emoji; weights in half precision",
  command: `npm run quickstart -- --seed ${seed} --steps-scale ${scale} --parallel ${parallel} --out ${run} && npm run demo:models -- ${run}`,
  classes: loadEmoji().train.classes,
  models,
  classifier: await ship("classifier", await loadNetworkCheckpoint(checkpoint("classifier"))),
  distillation: {
    teacher: "pd-2",
    batch: plan.pd.batch,
    rate: plan.pd.rate,
    weighting: plan.pd.weighting,
    temperature: plan.cfd.temperature,
  },
};
writeFileSync(join(target, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
