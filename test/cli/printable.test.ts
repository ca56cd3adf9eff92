// What a file or its name says never steers the terminal, whichever command prints it and wherever.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { explain, reason } from "../../src/cli/explain.js";
import { inspect } from "../../src/cli/inspect/inspect.js";
import { inspectionText } from "../../src/cli/inspect/text.js";
import { printable, printableLines } from "../../src/cli/printable.js";
import { program } from "../../src/cli/program.js";
import { encodeSafetensors } from "../../src/formats/index.js";
import { loadCheckpoint } from "../../src/node/index.js";
import { kindOf, readWhole } from "../../src/node/read-whole.js";
import { nativeFolder } from "../../src/backends/native/folder.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const home = mkdtempSync(join(tmpdir(), "cfd-printable-"));
afterAll(() => {
  rmSync(home, { recursive: true });
});
/** Clears the screen, in two ways; rings; and turns the text around. */
const EVIL = "a\u001b[2J\u009b2J\u0007\u202eb";
const SHOWN = "a\\u001b[2J\\u009b2J\\u0007\\u202eb";
const obeyed = (text: string) => /[^\P{Cc}\n]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u.test(text);

it("what a terminal would obey is written as JSON writes it", () => {
  expect(printable(`${EVIL}\n`)).toBe(`${SHOWN}\\u000a`);
  expect(printableLines(`${EVIL}\n${EVIL}`)).toBe(`${SHOWN}\n${SHOWN}`);
  const json = JSON.stringify({ [EVIL]: "\u007f" }, undefined, 2);
  expect(obeyed(json)).toBe(true); // JSON leaves some of them
  expect(JSON.parse(printableLines(json))).toEqual({ [EVIL]: "\u007f" });
  expect(printable("ä 漢 👍")).toBe("ä 漢 👍");
});

it("of errors too, with their stack or without", () => {
  const error = new Error(`x: expected ${EVIL}, got nothing.`, { cause: new Error(EVIL) });
  for (const text of [explain(error, {}), explain(error, { stack: true }), reason(error)]) {
    expect(text).toContain(SHOWN);
    expect(obeyed(text)).toBe(false);
  }
});

it("inspect shows names of files, tensors and notes so, as text and as JSON", async () => {
  const path = join(home, `${EVIL}\n.safetensors`);
  const tensor = { dtype: "F32", shape: [1], data: new Float32Array(1) } as const;
  writeFileSync(path, encodeSafetensors({ [EVIL]: tensor }, { [EVIL]: EVIL }));
  const text = inspectionText(await inspect(path));
  expect(text.split("\n")[0]).toContain(`${SHOWN}\\u000a.safetensors: a safetensors file`);
  expect(obeyed(text)).toBe(false);
  const printed: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line: string) => printed.push(line));
  await program().parseAsync(["inspect", "--json", path], { from: "user" });
  log.mockRestore();
  expect(obeyed(printed.join("\n"))).toBe(false);
  expect(JSON.parse(printed.join("\n"))).toMatchObject({ path, metadata: { [EVIL]: EVIL } });
});

it.each([[`--${EVIL}`], ["inspect", `--${EVIL}`], ["sample", "x", "-o", EVIL], ["doctor", "--engine", EVIL]])(
  "words that are none of the command's are shown so: %j",
  async (...words) => {
    const written: string[] = [];
    const write = vi
      .spyOn(process.stderr, "write")
      .mockImplementation((text) => written.push(String(text)) > 0);
    const exit = vi.spyOn(process, "exit").mockImplementation(() => {
      throw new Error("the end");
    });
    await expect(program().parseAsync(words, { from: "user" })).rejects.toThrow("the end");
    for (const spy of [write, exit]) spy.mockRestore();
    expect(written.join("")).toContain(SHOWN);
    expect(obeyed(written.join(""))).toBe(false);
  },
);

describe("what is no file", () => {
  const pipe = join(home, "pipe");
  const made = spawnSync("mkfifo", [pipe]).status === 0;

  it.skipIf(!made)("is named and not waited for: a pipe", async () => {
    await expect(readWhole(pipe, "test")).rejects.toThrow(
      `test: expected a file at ${pipe}, got a pipe (FIFO).`,
    );
    await expect(inspect(pipe)).rejects.toThrow(/inspect: .*got a pipe \(FIFO\)/);
    await expect(loadCheckpoint(pipe)).rejects.toThrow(/got a pipe \(FIFO\)/);
  });

  it.skipIf(process.platform === "win32")("is named: a device, a folder", async () => {
    for (const device of ["/dev/zero", "/dev/null"]) {
      await expect(readWhole(device, "test")).rejects.toThrow(
        `test: expected a file at ${device}, got a device.`,
      );
      await expect(inspect(device)).rejects.toThrow(/got a device/);
    }
    await expect(readWhole(home, "test")).rejects.toThrow(`expected a file at ${home}, got a folder.`);
  });

  it("is named: a socket", () => {
    const not = () => false;
    const socket = { isFile: not, isDirectory: not, isFIFO: not, isSocket: () => true };
    expect(kindOf(socket as never)).toBe("a socket");
  });
});

describe("the cache's folder", () => {
  const HOME = "/home/me";
  const folder = (env: NodeJS.ProcessEnv) => {
    const before = process.env.HOME;
    process.env.HOME = env.HOME ?? HOME;
    try {
      return nativeFolder("node", env);
    } finally {
      process.env.HOME = before;
    }
  };

  it.skipIf(process.platform === "win32")("is the same wherever a program runs", () => {
    const own = "/home/me/.cache/cfd-distill/native/";
    for (const env of [{}, { CFD_DISTILL_CACHE: "" }, { XDG_CACHE_HOME: "" }])
      expect(folder(env)).toContain(own);
    expect(folder({ XDG_CACHE_HOME: "/x" })).toContain("/x/cfd-distill/native/");
    expect(folder({ CFD_DISTILL_CACHE: "/c", XDG_CACHE_HOME: "x" })).toContain("/c/native/");
    for (const name of ["CFD_DISTILL_CACHE", "XDG_CACHE_HOME"]) {
      for (const path of ["cache", "./cache", "../c", "~/c", " "]) {
        expect(() => folder({ [name]: path })).toThrow(
          `nativeFolder: expected ${name} to be an absolute path, got ${path}.`,
        );
      }
    }
    expect(() => folder({ HOME: "here" })).toThrow(
      "expected the home folder to be an absolute path, got here.",
    );
  });
});
