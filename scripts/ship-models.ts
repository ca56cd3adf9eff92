// Takes the models of a finished run on emoji for examples/assets/models, in half precision, with the run's config,
// log and report beside them. The quickstart, the demo in a page and the pictures of the docs use them.
//   npm run quickstart -- --preset emoji && npm run models:ship -- runs/quickstart-emoji
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { useBackend } from "cfd-distill";
import { loadCheckpoint, loadNetworkCheckpoint } from "cfd-distill/node";
import { EMOJI_MODELS, loadEmoji } from "../examples/emoji/files.js";
import type { Manifest, ShippedModel } from "../examples/emoji/manifest.js";
import type { Halving, RecipeConfig } from "../examples/recipe/index.js";
import { ship } from "../tools/shipping.js";

/** Students of more steps are on the way to those that ship. */
const MOST_STEPS = 8;

const run = process.argv[2] ?? "runs/quickstart-emoji";
const folder = `runs/${basename(run)}`; // wherever it lay, which is nobody's business
const target = fileURLToPath(EMOJI_MODELS);
const config = JSON.parse(readFileSync(join(run, "config.json"), "utf8")) as RecipeConfig;
const checkpoint = (name: string) => join(run, "checkpoints", `${name}.safetensors`);

async function shipModel(id: string, method: ShippedModel["method"]): Promise<ShippedModel> {
  const loaded = await loadCheckpoint(checkpoint(id));
  return { id, method, steps: loaded.steps, file: await ship(target, id, loaded) };
}

/** The last halving by a method, which can be run again in the page. */
function lastHalving<M extends Halving["method"]>(method: M): Extract<Halving, { method: M }> {
  const found = config.halvings.filter((halving) => halving.method === method).at(-1);
  if (found === undefined) throw new Error(`${run}: expected a run with a halving by ${method}.`);
  return found as Extract<Halving, { method: M }>;
}

await useBackend("cpu");
rmSync(target, { recursive: true, force: true });
mkdirSync(join(target, "run"), { recursive: true });
const models = [await shipModel("teacher", "teacher")];
for (const { name, method, studentSteps } of config.halvings) {
  const halves = method === "pd" || method === "cfd";
  if (halves && studentSteps <= MOST_STEPS) models.push(await shipModel(name, method));
}
const { groups } = config;
const classes = config.dataset === "emoji-kinds" ? "kinds" : "groups";
const pd = lastHalving("pd");
const manifest: Manifest = {
  about: "Models trained on 24x24 Noto emoji; weights in half precision",
  command: `npm run quickstart -- --preset ${config.preset} --out ${folder} && npm run models:ship -- ${folder}`,
  dataset: { classes, ...(groups && { groups }) },
  classes: loadEmoji(classes, groups).train.classes,
  shown: config.shown ?? [],
  models,
  classifier: await ship(target, "classifier", await loadNetworkCheckpoint(checkpoint("classifier"))),
  distillation: {
    teacher: pd.teacher,
    batch: pd.batch,
    flip: config.flip,
    rate: pd.rate,
    weighting: pd.weighting,
    temperature: lastHalving("cfd").temperature,
  },
};
writeFileSync(join(target, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
for (const file of ["config.json", "log.jsonl", "report.json"]) {
  copyFileSync(join(run, file), join(target, "run", file));
}
