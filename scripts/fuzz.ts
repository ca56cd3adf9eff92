// Reads mutated files for a while: npm run fuzz -- --minutes 5 [--seed 1000]. Prints what is wrong, and exits with 1 if
// anything is. The suite's own run (test/fuzz) takes the first seeds.
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import { complaints, makeTargets } from "../test/formats/fuzz/targets.js";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "1" }, seed: { type: "string", default: "1000" } },
});
const [minutes, first] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isSafeInteger(first))
  throw new Error("expected --minutes > 0 and an integer --seed");

const AT_ONCE = 200;
tf.enableProdMode();
await tf.setBackend("cpu");
await tf.ready();
const targets = await makeTargets();
const end = performance.now() + minutes * 60_000;
let [seed, wrong] = [first, 0];
for (; performance.now() < end; seed += AT_ONCE) {
  const seeds = Array.from({ length: AT_ONCE }, (_, i) => seed + i);
  for (const target of targets) {
    for (const complaint of complaints(target, seeds)) {
      wrong += 1;
      console.log(complaint);
    }
  }
}
console.log(`${seed - first} mutants for each of ${targets.length} readers, ${wrong} of them wrong`);
process.exitCode = wrong > 0 ? 1 : 0;
