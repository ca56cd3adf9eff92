// Takes the networks with which the experiment's arms begin for examples/assets/cifar10, in half precision; and, of the
// chains that they led to where such a run is named, students of one step.
//   npm run networks:ship -- runs/cifar10-cfd-groundwork runs/cifar10-cfd-densenet [runs/cifar10-cfd-confirm]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Checkpoint, type NetworkCheckpoint, useBackend } from "cfd-distill";
import { loadCheckpoint, loadNetworkCheckpoint } from "cfd-distill/node";
import { root } from "../tools/run.js";
import { ship } from "../tools/shipping.js";

/** The students of one step that ship, and their stages: of the best arm of CFD its best seed, and PD's of that seed. */
const STUDENTS = { "pd-1": "pd-seed-1-to-1", "cfd-1": "cfd-0.9-beta-0.003-seed-1-to-1" };

const [groundwork = "runs/cifar10-cfd-groundwork", densenet = "runs/cifar10-cfd-densenet", confirm] =
  process.argv.slice(2);
const target = join(root, "examples/assets/cifar10");
const checkpoint = (run: string, name: string) => join(run, "checkpoints", `${name}.safetensors`);

await useBackend("cpu");
mkdirSync(target, { recursive: true });
// All are read before the first is replaced: networks of two runs do not belong together.
const networks = new Map<string, Checkpoint | NetworkCheckpoint>();
for (const name of ["teacher", "pd-8", "pd-4", "pd-2"]) {
  networks.set(name, await loadCheckpoint(checkpoint(groundwork, name)));
}
networks.set("classifier", await loadNetworkCheckpoint(checkpoint(groundwork, "classifier")));
networks.set("densenet", await loadNetworkCheckpoint(checkpoint(densenet, "classifier")));
if (confirm !== undefined) {
  for (const [name, stage] of Object.entries(STUDENTS)) {
    networks.set(name, await loadCheckpoint(checkpoint(confirm, stage)));
  }
}
for (const [name, network] of networks) await ship(target, name, network);
