import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { inFolder, report } from "./exchange.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

it("a distillation begins here, goes on in two processes of torchrun, and comes back", async () => {
  await inFolder(async (path) => {
    const args = ["--import", "tsx", "examples/scale/scale.ts", path("")];
    const options = { cwd: root, maxBuffer: Infinity }; // PyTorch warns of what it likes, as often as it likes
    const { stdout } = await promisify(execFile)(process.execPath, args, options);
    const numbers =
      /: ([\d.]+) before, ([\d.]+) after 20 .*\n([\d.]+) after 40 .*\n.*: (\S+)/.exec(stdout) ?? [];
    const [before, here, after, difference] = numbers.slice(1).map(Number);
    expect(here, stdout).toBeLessThan(before!);
    expect(after, stdout).toBeLessThan(here!);
    report("unetToTorch, torchrun and back, images", difference!, 1e-5);
    const log = (await readFile(path("log.jsonl"), "utf8")).trim().split("\n");
    const steps = log.map((line) => (JSON.parse(line) as { step: number }).step);
    expect(steps).toEqual(Array.from({ length: 40 }, (_, i) => 20 + i));
  });
});
