import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { studentFile } from "./checkpoints.js";
import { temporaryFolder } from "./drawn.js";
import { serve, startServer, type FileServer } from "./server.js";

const folder = temporaryFolder();
let server: FileServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const program = (address: string) => `
import { loadGenerator } from ${JSON.stringify(resolve("src/generator/load.ts"))};
const generator = await loadGenerator(${JSON.stringify(address)}, { cache: true });
console.log(JSON.stringify([generator.steps, generator.uncached]));
console.log(await loadGenerator("file:///student.safetensors").catch(({ message }) => message));
`;

it("a program for Node that was packed into one file loads, and says what it lacks", async () => {
  server.answer(serve(await studentFile()));
  const outfile = join(folder(), "program.mjs");
  writeFileSync(join(folder(), "program.ts"), program(`${server.address}/a`));
  await build({
    ...{ entryPoints: [join(folder(), "program.ts")], outfile, logLevel: "error" },
    ...{ bundle: true, platform: "node", format: "esm" },
    alias: { "@tensorflow/tfjs": resolve("node_modules/@tensorflow/tfjs/dist/tf.node.js") },
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    ignoreAnnotations: true, // package.json's sideEffects names what is built
  });
  const { stdout } = await promisify(execFile)(process.execPath, [outfile], {
    env: { ...process.env, CFD_DISTILL_CACHE: folder() },
  });
  const [first, second] = stdout.trim().split("\n").slice(-2);
  const [steps, uncached] = JSON.parse(first!) as [number, string];
  expect(steps).toBe(2);
  const expected =
    /^loadGenerator: expected its part for files beside it \(a bundle for Node has to leave cfd-distill out\), got Cannot find/;
  expect(uncached).toMatch(expected);
  expect(second).toMatch(expected);
});
