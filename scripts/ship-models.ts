// Takes the models of a finished run on emoji for examples/assets/models, in half precision, with the run's config,
// log and report beside them. The quickstart, the demo in a page and the pictures of the docs use them.
//   npm run quickstart -- --preset emoji && npm run models:ship -- runs/quickstart-emoji [FOLDER]
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Checkpoint, useBackend } from "cfd-distill";
import { loadCheckpoint, loadNetworkCheckpoint } from "cfd-distill/node";
import { EMOJI_MODELS, loadEmoji } from "../examples/emoji/files.js";
import type { Manifest, ShippedModel } from "../examples/emoji/manifest.js";
import type { Halving, RecipeConfig } from "../examples/recipe/index.js";
import { ship } from "../tools/shipping.js";

/** Students of more steps are on the way to those that ship. */
const MOST_STEPS = 8;

const [run = "runs/quickstart-emoji", target = fileURLToPath(EMOJI_MODELS)] = process.argv.slice(2);
const folder = `runs/${basename(run)}`; // wherever it lay, which is nobody's business
const config = JSON.parse(readFileSync(join(run, "config.json"), "utf8")) as RecipeConfig;
const checkpoint = (name: string) => join(run, "checkpoints", `${name}.safetensors`);

/** The last halving by a method, which can be run again in the page. */
function lastHalving<M extends Halving["method"]>(method: M): Extract<Halving, { method: M }> {
  const found = config.halvings.filter((halving) => halving.method === method).at(-1);
  if (found === undefined) throw new Error(`${run}: expected a run with a halving by ${method}.`);
  return found as Extract<Halving, { method: M }>;
}

await useBackend("cpu");
// All is read before the first file is removed: what ships belongs together, and a run may lack some of it.
const methods = new Map<string, ShippedModel["method"]>([["teacher", "teacher"]]);
for (const { name, method, studentSteps } of config.halvings) {
  const halves = method === "pd" || method === "cfd";
  if (halves && studentSteps <= MOST_STEPS) methods.set(name, method);
}
const networks = new Map<string, Checkpoint>();
for (const name of methods.keys()) networks.set(name, await loadCheckpoint(checkpoint(name)));
const classifier = await loadNetworkCheckpoint(checkpoint("classifier"));
const told = ["config.json", "log.jsonl", "report.json"].map(
  (file) => [file, readFileSync(join(run, file))] as const,
);
const { classes } = loadEmoji().train;
const [pd, cfd] = [lastHalving("pd"), lastHalving("cfd")];

mkdirSync(join(target, "run"), { recursive: true });
for (const file of readdirSync(target)) {
  if (file.endsWith(".safetensors")) rmSync(join(target, file));
}
const models: ShippedModel[] = [];
for (const [id, network] of networks) {
  const { steps } = network;
  models.push({ id, method: methods.get(id)!, steps, file: await ship(target, id, network) });
}
const manifest: Manifest = {
  about: "Models trained on 28x28 Noto emoji; weights in half precision",
  command: `npm run quickstart -- --preset ${config.preset} --out ${folder} && npm run models:ship -- ${folder}`,
  classes,
  models,
  classifier: await ship(target, "classifier", classifier),
  distillation: {
    teacher: pd.teacher,
    batch: pd.batch,
    flip: config.flip,
    rate: pd.rate,
    weighting: pd.weighting,
    temperature: cfd.temperature,
    pixels: cfd.pixels ?? 0,
  },
};
writeFileSync(join(target, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
for (const [file, bytes] of told) writeFileSync(join(target, "run", file), bytes);
