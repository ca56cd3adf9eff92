import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";

const assets = "examples/assets/models";
const home = mkdtempSync(join(tmpdir(), "ship-"));
const [run, target] = [join(home, "run"), join(home, "models")] as const; // prettier-ignore
afterAll(() => {
  rmSync(home, { recursive: true });
});
it("models ship together: of a run that lacks one nothing is replaced", { timeout: 30_000 }, () => {
  cpSync(join(assets, "run"), run, { recursive: true });
  mkdirSync(join(run, "checkpoints"));
  for (const name of readdirSync(assets)) {
    if (/^(?!cfd-1).*safetensors$/.test(name)) cpSync(join(assets, name), join(run, "checkpoints", name));
  }
  mkdirSync(target);
  for (const name of ["README.md", "teacher.safetensors"]) writeFileSync(join(target, name), "before");
  const program = ["--import", "tsx", "scripts/ship-models.ts", run, target];
  const { status, stderr } = spawnSync(process.execPath, program, { encoding: "utf8" });
  expect([status, readdirSync(target)]).toEqual([1, ["README.md", "teacher.safetensors"]]);
  expect(readFileSync(join(target, "teacher.safetensors"), "utf8")).toBe("before");
  expect(stderr).toContain("cfd-1.safetensors");
});
