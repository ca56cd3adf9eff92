import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { parseArguments } from "../config/command-line.js";
import type { RecipeConfig } from "../config/schema.js";
import { configure } from "../plan/configure.js";
import { loadEmoji } from "../../emoji/files.js";
import { checkMeasurable } from "../measure/evaluate.js";
import type { Setup } from "../storage/setup.js";
import { progress } from "../terminal/progress.js";
import { again, main } from "../run.js";
import { checkStarts } from "../measure/sampling.js";
import { printableLines, print } from "../terminal/print.js";
import { subset } from "../../../tools/image-sets.js";

const ESCAPES = "\u001b]0;title\u0007\u009b2J\r\u007f";
const SHOWN = "\\u001b]0;title\\u0007\\u009b2J\\u000d\\u007f";
const home = mkdtempSync(join(tmpdir(), "print-"));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  for (const name of readdirSync(home)) rmSync(join(home, name), { recursive: true });
});
const config = await configure(parseArguments("quickstart", ["node", "quickstart", "--preset", "smoke"]));
/** A place with some settings, and so many test images. */
function setupOf(settings: Partial<RecipeConfig>, tests = 10): Setup {
  const { train, test } = loadEmoji();
  const few = subset(
    test,
    Array.from({ length: tests }, (_, i) => i),
  );
  return { out: home, config: { ...config, ...settings }, data: { train, test: few } };
}
const parse = (...words: string[]) => parseArguments("quickstart", ["node", "quickstart", ...words]);
/** What a run prints as its error. */
async function errorOf(...words: string[]): Promise<string> {
  const printed = vi.spyOn(console, "error").mockReturnValue(undefined);
  vi.spyOn(console, "log").mockReturnValue(undefined);
  const choice = parse(...words);
  await main(choice, loadEmoji, ["npm run quickstart --", ...words]);
  return String(printed.mock.calls.at(-1)?.[0]);
}

describe("what a terminal would obey", () => {
  it("is shown instead, but for the ends of lines", () => {
    expect(printableLines(`a${ESCAPES}\nb`)).toBe(`a${SHOWN}\nb`);
    expect(printableLines("PD, zwei Schritte: ä → 二")).toBe("PD, zwei Schritte: ä → 二");
  });

  it("is printed nowhere: of messages, progress, errors, options, paths", async () => {
    const log = vi.spyOn(console, "log").mockReturnValue(undefined);
    print(`x${ESCAPES}`);
    expect(log).toHaveBeenLastCalledWith(`x${SHOWN}`);
    progress(`t${ESCAPES}`, 3, 0).update(3, `n${ESCAPES}`);
    const printed = log.mock.calls.at(-1)![0] as string;
    expect(printed).toContain(`t${SHOWN} 3/3`);
    expect(printed).toContain(`n${SHOWN}`);
    expect(await errorOf("--config", `${home}/${ESCAPES}`)).toContain(`${home}/${SHOWN}`);
    expect(await errorOf("--preset", "smoke", "--stages", ESCAPES)).toContain(SHOWN);
    let usage = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      usage += String(text);
      return true;
    });
    vi.spyOn(process, "exit").mockImplementation(() => {
      throw new Error("exit");
    });
    expect(() => parse(`--x${ESCAPES}`)).toThrow("exit");
    expect(usage).toContain(SHOWN);
    expect(usage).not.toContain("\u001b");
  });

  it("leaves the command to go on one that a shell takes", () => {
    const words = ["npm run quickstart --", "--out", "my run", "--set", "a=b'c", "--force", "--seed", "3"];
    expect(again(words)).toBe(`npm run quickstart -- --out 'my run' --set 'a=b'\\''c' --seed 3 --resume`);
  });
});

describe("after Ctrl-C", () => {
  const heard: (() => void)[] = [];
  const words = ["--preset", "smoke", "--out", join(home, "stopped")];
  /** What is printed and the exit code of a run that is interrupted while it loads, which then rejects. */
  async function stopped(rejection: (reason: Error) => Error): Promise<[string, unknown]> {
    vi.spyOn(process, "on").mockImplementation(((name: string, listener: () => void) => {
      if (name === "SIGINT") heard.push(listener);
      return process;
    }) as typeof process.on);
    const said = ["log", "error"].map((name) =>
      vi.spyOn(console, name as "log" | "error").mockReturnValue(undefined),
    );
    const load = (_: unknown, signal: AbortSignal) => {
      heard.pop()!();
      return Promise.reject(rejection(signal.reason as Error));
    };
    await main(parse(...words), load, ["npm run quickstart --", ...words]);
    return [
      said.flatMap(({ mock }) => mock.calls.map(([text]) => String(text))).join("\n"),
      process.exitCode,
    ];
  }

  it.each([
    ["the signal's reason", (reason: Error) => reason],
    ["what it caused", (cause: Error) => new Error("a download ended", { cause })],
  ])("%s is an interruption", async (_, rejection) => {
    const [text, code] = await stopped(rejection);
    expect(text).toMatch(/Interrupted; nothing is lost\. To go on: .* --resume$/);
    expect(code).toBe(130);
  });

  it("another error is printed as what it is", async () => {
    const [text, code] = await stopped(() => new Error("ENOSPC: no space left on device, write"));
    expect(text).toMatch(/ENOSPC: no space left on device, write$/);
    expect(text).not.toContain("Interrupted");
    expect(code).toBe(1);
  });
});

describe("a run that cannot begin", () => {
  it("says so before anything is written: other images, a full disk", async () => {
    const out = join(home, "run");
    const smoke = ["--preset", "smoke", "--out", out];
    const hash = "0".repeat(64);
    expect(await errorOf(...smoke, "--set", `images="${hash}"`)).toMatch(
      /^images: expected those that the config was made with \(SHA-256 0{64}\), got others \([0-9a-f]{64}\): take/,
    );
    expect(
      await errorOf(...smoke, "--set", "measured=1000000", "--set", "halvings.0.name=../../x"),
    ).toContain("halvings.0.name: expected a name of 1 to 64");
    expect(() => {
      checkStarts(setupOf({ measured: 913_046 }));
    }).toThrow("measured: expected at most 913036 samples of 28x28x3, got 913046.");
    checkStarts(setupOf({ measured: 900_000 }));
    expect(() => {
      checkMeasurable(setupOf({}, 1));
    }).toThrow("evaluate: expected at least 2 test images to measure with, got 1: add pictures,");
    checkMeasurable(setupOf({}, 2));
    const extractors = [{ name: "x", file: { path: "x", sha256: hash } }];
    expect(() => {
      checkMeasurable(setupOf({ extractors }, 3));
    }).toThrow("expected at least 4 test images");
    checkMeasurable(setupOf({ extractors }, 4));
    expect(readdirSync(home)).toEqual([]);
  });

  it("is refused where another runs, and leaves that one alone", async () => {
    const lock = join(home, "run.lock");
    const holder = { id: "x", host: "elsewhere", pid: 1, space: "", started: "" };
    writeFileSync(lock, JSON.stringify(holder));
    expect(await errorOf("--preset", "smoke", "--out", home, "--force")).toContain(
      `${home}: expected no other run in it, got one of process 1 on elsewhere.`,
    );
    expect(readdirSync(home)).toEqual(["run.lock"]);
    expect(JSON.parse(readFileSync(lock, "utf8"))).toEqual(holder);
  });
});
