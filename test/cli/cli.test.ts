import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { explain } from "../../src/cli/explain.js";
import { program } from "../../src/cli/program.js";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

function cli(...args: string[]) {
  return spawnSync(process.execPath, ["--import", "tsx", "src/cli/index.ts", ...args], { encoding: "utf8" });
}

it("prints the package's version", () => {
  expect(cli("--version")).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
});

it("says in one line, with status 1, what it does not know", () => {
  expect(cli("--no-such-option")).toMatchObject({
    status: 1,
    stdout: "",
    stderr: "error: unknown option '--no-such-option'\n",
  });
});

it("lists every command in its help", () => {
  const help = program().helpInformation();
  for (const command of program().commands) expect(help).toContain(command.name());
});

it("prints an error in one line, and its stack and cause only when asked", () => {
  const error = new Error("f: expected a,\n  got b.", { cause: new Error("because") });
  expect(explain(error, {})).toBe("error: f: expected a, got b.");
  expect(explain("text", {})).toBe("error: text");
  expect(explain(error, { stack: true })).toMatch(/cli\.test\.ts[\s\S]*because/);
});
