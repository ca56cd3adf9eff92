// Run by node.test.ts, which kills it: saves files of ever new, uniform content to the path it is given.
import { encodeSafetensors } from "../../src/formats/safetensors/safetensors.js";
import { writeFileAtomic } from "../../src/node/atomic.js";

const path = process.argv[2]!;
const size = 1 << 20;
for (let round = 0; ; round++) {
  const data = new Float32Array(size).fill(round);
  await writeFileAtomic(path, encodeSafetensors({ data: { dtype: "F32", shape: [size], data } }));
  if (round === 0) process.stdout.write("ready\n");
}
