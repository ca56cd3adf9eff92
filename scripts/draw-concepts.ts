// Draws the pictures of docs/concepts.md with the demo's models: npm run docs:pictures
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { useBackend } from "cfd-distill";
import { drawDistributions, drawTemperatures } from "../tools/concepts/charts.js";
import { drawHalving } from "../tools/concepts/halving.js";
import { loadShipped } from "../tools/concepts/models.js";
import { drawSameFeatures } from "../tools/concepts/same-features.js";

const folder = fileURLToPath(new URL("../docs/concepts/", import.meta.url));
mkdirSync(folder, { recursive: true });
await useBackend("wasm");
const shipped = await loadShipped();
writeFileSync(`${folder}halving.png`, await drawHalving(shipped));
writeFileSync(`${folder}same-features.png`, await drawSameFeatures(shipped));
writeFileSync(`${folder}distributions.svg`, await drawDistributions(shipped));
writeFileSync(`${folder}temperature.svg`, await drawTemperatures(shipped));
