import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseArguments, SCALINGS } from "../config/command-line.js";
import { type RecipeConfig } from "../config/schema.js";
import { checkConfig, parseConfig } from "../config/check.js";
import { configure } from "../plan/configure.js";

const home = mkdtempSync(join(tmpdir(), "config-"));
afterAll(() => {
  rmSync(home, { recursive: true });
});
const parse = (...words: string[]) => parseArguments("quickstart", ["node", "quickstart", ...words]);
const config = await configure(parse("--preset", "smoke"));

/** The config with one setting changed, however wrong it is then. */
function having(path: string, value: unknown): unknown {
  const changed = structuredClone(config) as unknown as Record<string, unknown>;
  const keys = path.split(".");
  const last = keys.pop()!;
  const holder = keys.reduce((inner, key) => inner[key] as Record<string, unknown>, changed);
  holder[last] = value;
  return changed;
}
const errorOf = (value: unknown) => {
  try {
    checkConfig(value, "c.json");
  } catch (error) {
    return (error as Error).message;
  }
  return "none";
};

/** The last halving, under another name. */
const named = (name: string) => having("halvings.2.name", name);

it("a teacher's name is a line of text, however it is refused", () => {
  for (const teacher of ["x".repeat(1e5), "", "a\u001b[2Jb", 5]) {
    const message = errorOf(having("halvings.0.teacher", teacher));
    expect(message).toMatch(/^c\.json: halvings\.0\.teacher: expected [^\u001b]*$/);
    expect(message.length).toBeLessThan(400);
  }
});

describe("a halving's name", () => {
  it.each(["a", "PD-1.5_x", "pd-2b", "0", "a".repeat(64), "console", "com"])("may be %s", (name) => {
    expect(errorOf(named(name))).toBe("none");
  });

  it.each([
    ...["../../../escaped", "/tmp/x", "a/b", "a\\b", "..", ".", ".hidden", "-rf", "a.", "", " ", "a b"],
    ...["é", "a\n", "a\0", "\u001b[2J", "a:b", "a*", "a".repeat(65)],
  ])("is not %j: a path, another character, or too long", (name) => {
    expect(errorOf(named(name))).toBe(
      "c.json: halvings.2.name: expected a name of 1 to 64 of the characters A-Z a-z 0-9 . _ -, " +
        `with a letter or digit first and no dot last, got ${JSON.stringify(name)}.`,
    );
  });

  it.each([
    ...["base", "classifier", "Classifier", "teacher", "pd", "CFD", "samples", "evaluate", "picture"],
    ...["constructor", "toString", "hasOwnProperty", "valueOf"],
    ...["con", "NUL", "nul.txt", "Com1", "LPT9.x", "aux"],
    ...["config", "config.json", "log.jsonl", "student", "report.html", "tensorboard", "checkpoints"],
  ])("is not %s, which is taken", (name) => {
    expect(errorOf(named(name))).toBe(
      `c.json: halvings.2.name: expected a name that is not reserved, got "${name}".`,
    );
  });

  it("is not another's but for the case", () => {
    expect(errorOf(named("PD-4"))).toBe(
      "c.json: two stages are named pd-4 and PD-4, one file where case does not count.",
    );
  });

  it("keeps the run in its folder: a saved config that would leave it is refused", async () => {
    const path = "test/fixtures/config/traversal.json";
    await expect(configure(parse("--config", path))).rejects.toThrow(
      `${path}: halvings.0.name: expected a name of 1 to 64`,
    );
  });

  it("names a file only if it is that of a stage", () => {
    const file = { path: "x.pt", sha256: "0".repeat(64) };
    expect(errorOf(having("files", { "../x": file }))).toBe("c.json: files.../x is no stage.");
    expect(errorOf(having("files", { constructor: file }))).toBe("c.json: files.constructor is no stage.");
    expect(errorOf(having("files", { Teacher: file }))).toBe(
      "c.json: files.Teacher is no stage (did you mean teacher?).",
    );
    const hidden = having("files", JSON.parse('{"__proto__": 1}'));
    expect(errorOf(hidden)).toBe("c.json: files: unknown setting __proto__.");
    expect(errorOf(having("files", { teacher: { ...file, sha256: "abc" } }))).toBe(
      'c.json: files.teacher.sha256: expected 64 hexadecimal digits, in lower case, got "abc".',
    );
  });
});

describe("a number of a config", () => {
  const integers: [string, number, number][] = [
    ["seed", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ["teacherSteps", 1, 65_536],
    ["base.steps", 1, 1e8],
    ["base.batch", 1, 65_536],
    ["base.microBatches", 1, 65_536],
    ["base.warmup", 1, 1e8],
    ["unet.channels", 1, 4096],
    ["unet.blocks", 1, 64],
    ["unet.groups", 1, 4096],
    ["unet.multipliers.0", 1, 64],
    ["unet.attention.0", 0, 7],
    ["classifier.network.width", 1, 4096],
    ["classifier.network.blocks.0", 1, 64],
    ["classifier.augment.shift", 0, 1024],
    ["halvings.0.studentSteps", 1, 65_536],
    ["halvings.2.layers", 1, 16],
    ["measured", 4, 1e6],
    ["reference", 4, 1e6],
    ["drawn", 1, 1000],
    ["saveEvery", 1, 1e8],
    ["logEvery", 1, 1e8],
    ["imageSize", 1, 1024],
  ];
  const numbers: [string, number, number][] = [
    ["base.rate", 1e-9, 10],
    ["base.emaDecay", 0, 0.999999],
    ["base.dropout", 0, 0.999999],
    ["base.weighting.minSnr", 1e-9, 1e6],
    ["base.weighting.floor", 0, 1e6],
    ["classifier.momentum", 0, 0.999999],
    ["classifier.weightDecay", 0, 1],
    ["halvings.0.shift", -10, 10],
    ["halvings.2.temperature", 1e-3, 1e3],
    ["halvings.2.beta", 0, 1e6],
    ["halvings.2.gamma", 0, 1],
    ["halvings.2.pixels", 0, 1e6],
    ["halvings.2.emaDecay", 0, 0.999999],
  ];
  const set = (path: string, value: unknown) =>
    path.startsWith("base.weighting.")
      ? having("base.weighting", { minSnr: 1e6, [path.split(".").at(-1)!]: value })
      : having(path, value);
  const cases = [
    ...integers.map(([path, low, high]) => ({ path, low, high, kind: "an integer", step: 1 })),
    ...numbers.map(([path, low, high]) => ({ path, low, high, kind: "a number", step: 1e-7 })),
  ];

  it.each(cases)("$path is $kind from $low to $high", ({ path, low, high, kind, step }) => {
    const expected = `${path}: expected ${kind} from ${low} to ${high}, got `;
    const outside = Math.abs(low) < 1e10 ? [low - step, high + step] : [];
    for (const value of [...outside, 1e300, -Infinity, NaN, "2", null, {}]) {
      expect(errorOf(set(path, value))).toContain(expected);
    }
    for (const value of [low, high]) expect(errorOf(set(path, value))).not.toContain(expected);
    if (kind === "an integer") expect(errorOf(set(path, 4.5))).toBe(`c.json: ${expected}4.5.`);
  });

  it("makes no network that nothing here could hold", () => {
    const most = "expected a network of at most 2147483648 weights, got ";
    const wide = { ...config.unet, channels: 4096, multipliers: [1, 64] };
    expect(errorOf(having("unet", wide))).toContain(`c.json: unet: ${most}`);
    for (const network of [
      { type: "resnet", blocks: [1, 1, 1, 1], width: 4096 },
      { type: "densenet", growth: 4096, blocks: [64, 64], stem: 64 },
    ]) {
      expect(errorOf(having("classifier.network", network))).toContain(`${network.type}: ${most}`);
    }
  });

  it("goes with the others: networks are made before anything is trained", () => {
    expect(errorOf(having("unet.groups", 3))).toBe(
      "c.json: unet: expected groups (3) to divide every width, got width 8.",
    );
    expect(errorOf(having("unet.attention", [2]))).toContain("attention to hold distinct levels below 2");
  });
});

describe("settings that do not go together", () => {
  it.each<[string, Partial<RecipeConfig>]>([
    ["dataset: quickstart has emoji, not cifar10", { dataset: "cifar10" }],
    ["dataset: cifar10-cfd has cifar10 and folder, not emoji", { recipe: "cifar10-cfd", dataset: "emoji" }],
    [
      "imageSize goes with the dataset folder, which it needs; the dataset is folder",
      { recipe: "cifar10-cfd", dataset: "folder" },
    ],
    ["imageSize goes with the dataset folder, which it needs; the dataset is emoji", { imageSize: 24 }],
    [
      "pd-4 and twin would be called the same: give each a label of its own",
      { halvings: [config.halvings[0]!, { ...config.halvings[0]!, name: "twin" }] },
    ],
  ])("%s", (message, wrong) => {
    expect(errorOf({ ...config, ...wrong })).toBe(`c.json: ${message}.`);
  });

  it("are no label with a control character, and no empty one", () => {
    for (const label of ["\u001b]0;title\u0007", "a\nb", "\u009b2J", "", "x".repeat(201), "a\u2028b"]) {
      expect(errorOf(having("halvings.0.label", label))).toContain(
        "halvings.0.label: expected 1 to 200 characters in one line, none of them a control character, got ",
      );
    }
    expect(errorOf(having("halvings.0.label", "PD, zweimal 二"))).toBe("none");
  });

  it("are one of the choices, which says what there was instead", () => {
    expect(errorOf(having("schedule", "cosin"))).toBe(
      'c.json: schedule: expected table or cosine, got "cosin" (did you mean cosine?).',
    );
    expect(errorOf(having("engine", 7))).toContain("engine: expected wasm, cpu, node or cuda, got 7");
    expect(errorOf(having("flip", "yes"))).toContain('flip: expected a boolean, got "yes"');
  });

  it("are no setting of neither kind, which says what is nearest", () => {
    expect(errorOf(having("base.weighting", "x1"))).toBe(
      'c.json: base.weighting: expected x0, eps, truncatedSnr, snrPlusOne or flow, got "x1" (did you mean x0?), ' +
        'or base.weighting: expected an object, got "x1".',
    );
    expect(errorOf(JSON.parse('{"toString": 1}'))).toContain("unknown setting toString");
  });
});

describe("shifts", () => {
  /** The config with these shifts of pd-4, pd-2, which it teaches, and cfd-2, which it teaches as well. */
  const shifted = (...shifts: readonly (number | undefined)[]) => ({
    ...config,
    halvings: config.halvings.map((one, i) => ({
      ...one,
      ...(shifts[i] !== undefined && { shift: shifts[i] }),
    })),
  });

  it.each([
    [[1, undefined, undefined], "pd-2 of shift 0 cannot learn from pd-4 of shift 1"],
    [[1, 1, 0.5], "cfd-2 of shift 0.5 cannot learn from pd-4 of shift 1"],
    [[undefined, 0, 2], "cfd-2 of shift 2 cannot learn from pd-4 of shift 0"],
  ])("%j are refused, as a student knows no other times than its own", (shifts, message) => {
    expect(errorOf(shifted(...shifts))).toBe(`c.json: ${message}, which knows other times.`);
  });

  it("are free where a student's teacher is none, and where nothing is trained", () => {
    for (const shifts of [
      [1, 1, 1],
      [0, undefined, 0],
    ])
      expect(errorOf(shifted(...shifts))).toBe("none");
    const file = { path: "x", sha256: "0".repeat(64) };
    expect(errorOf({ ...shifted(undefined, undefined, 2), files: { "cfd-2": file } })).toBe("none");
  });
});

describe("a saved config", () => {
  const path = join(home, "config.json");
  const saved = (bytes: Uint8Array | string) => {
    writeFileSync(path, bytes);
    return configure(parse("--config", path));
  };
  const text = JSON.stringify(config);

  it("may begin with a byte-order mark", async () => {
    expect(await saved(`\ufeff${text}`)).toEqual(config);
    await expect(saved(Buffer.from(`\ufeff${text}`, "utf16le"))).rejects.toThrow(
      `${path}: expected JSON, got: text that is not in UTF-8.`,
    );
  });

  it("is an error with its name where it is empty, cut or nested without end", async () => {
    await expect(saved("")).rejects.toThrow(`${path}: expected JSON, got an empty file.`);
    await expect(saved(text.slice(0, -20))).rejects.toThrow(`${path}: expected JSON, got: `);
    await expect(saved("[".repeat(1e5) + "]".repeat(1e5))).rejects.toThrow(`${path}: `);
    await expect(saved(`{"files": ${"[".repeat(1e5)}${"]".repeat(1e5)}}`)).rejects.toThrow(`${path}: `);
    await expect(saved("null")).rejects.toThrow(`${path}: expected an object, got null.`);
  });

  it("keeps its scaling but where another is asked for, or none", async () => {
    const { mean, std } = SCALINGS.cifar10;
    await saved(JSON.stringify({ ...config, classifierScaling: { mean, std } }));
    const replayed = (...words: string[]) => configure(parse("--config", path, ...words));
    expect((await replayed()).classifierScaling).toEqual(SCALINGS.cifar10);
    expect((await replayed("--classifier-scaling", "half")).classifierScaling).toEqual(SCALINGS.half);
    expect(await replayed("--classifier-scaling", "none")).toEqual(config);
  });

  it("is of the same recipe", async () => {
    const other = { ...config, recipe: "cifar10-cfd", dataset: "cifar10" };
    await expect(saved(JSON.stringify(other))).rejects.toThrow(
      `${path}: expected a config of the recipe quickstart, got one of cifar10-cfd.`,
    );
  });

  it("of every run in docs/results and of the models that ship is one that can be replayed", () => {
    const folders = readdirSync("docs/results", { withFileTypes: true }).filter((one) => one.isDirectory());
    const runs = ["examples/assets/models/run", ...folders.map(({ name }) => `docs/results/${name}`)];
    for (const run of runs) {
      const file = `${run}/config.json`;
      expect(checkConfig(parseConfig(readFileSync(file), file), file).preset).toBeTypeOf("string");
    }
    expect(runs.length).toBeGreaterThan(4);
  });
});
