import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePng } from "cfd-distill/node";
import { describe, expect, it, vi } from "vitest";
import { parseArguments } from "../config/command-line.js";
import type { Halving } from "../config/schema.js";
import { configure } from "../plan/configure.js";
import { standIn } from "../datasets/stand-in.js";
import { absentPictures } from "../run.js";
import { figure } from "../report/figure.js";
import { exportStudent, extractorTable, tableOf } from "../report/report.js";
import { textTable } from "../../../tools/text-table.js";
import { duration } from "../../../tools/words.js";

describe("what a run shows", () => {
  it("names durations as people do", () => {
    expect([7.4, 61, 3720].map(duration)).toEqual(["7 s", "1 min 01 s", "1 h 02 min"]);
  });

  it("sets titles and labels around a grid without touching its pixels", () => {
    const grid = { width: 30, height: 16, data: new Uint8Array(30 * 16 * 3).fill(77) };
    const rows = [{ label: "PD", note: "2 steps" }, { label: "CFD" }];
    const page = figure(grid, 2, { title: "Title", subtitle: "words", rows, columns: ["one"] });
    const greys = page.data.filter((_, i) => i % 3 === 0);
    expect(greys.filter((value) => value === 77).length).toBeGreaterThanOrEqual(30 * 16);
    expect(greys.filter((value) => value < 60).length).toBeGreaterThan(100); // ink
    expect(Buffer.from(encodePng(page)).toString("latin1", 1, 4)).toBe("PNG");
  });

  it("prints a table that says what was measured", () => {
    const row = {
      method: "PD, 2 steps",
      networkCalls: 2,
      millisecondsPerImage: 1.25,
      frechet: 3.5,
      toTeacher: 0.1234,
    };
    const counts = { trainingImages: 90, testImages: 30, samplesPerMethod: 20 };
    const accuracies = { classifierAccuracy: 0.5, frechetOfTestImages: 0.25 };
    const measured = { ...counts, ...accuracies, extractors: [], rows: [row] };
    const text = tableOf(measured);
    expect(text).toMatch(
      /^ +calls +ms each +Frechet \* +teacher \*\*\nPD, 2 steps +2 +1\.3 +3\.50 +0\.123\n/,
    );
    const notes = text.replaceAll("\n", " ");
    expect(notes).toContain(
      "20 samples against 90 training images, on the features of this run's own classifier (right on 50 % of 30 test images). " +
        "Those test images themselves: 0.25. Not an FID.",
    );
    const few = tableOf({ ...measured, testImages: 29 }).replaceAll("\n", " ");
    expect(few).toContain("own classifier (29 test images are too few to tell how good it is). Not an FID.");
    expect(few).not.toMatch(/right on|0\.25/);
  });

  it("leaves few test images out of an extractor's table, too", () => {
    const distances = { frechet: 1, kernel: { mean: 2, standardError: 3 }, precision: 0.4, recall: 0.5 };
    const methods = [{ method: "PD", ...distances }];
    const result = { extractor: "x", sha256: "", width: 8, accuracy: 0.5, testImages: distances, methods };
    expect(extractorTable(result, 30)).toMatch(/right on 50 % [^]*\nPD +1\.000[^]*\ntest images +1\.000/);
    expect(extractorTable(result, 29)).toMatch(/\nPD +1\.000/);
    expect(extractorTable(result, 29)).not.toMatch(/right on|test images/);
  });

  it("wraps what is wider than a terminal", () => {
    const long = "CFD 0.9, beta 0.003, two layers, averaged, once more from the seed 1234567, 1 step";
    const rows = [["", "calls"], [long, "1"], ["PD", "2"]]; // prettier-ignore
    const lines = textTable(rows, { width: 40 }).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(lines[1]).toMatch(/^CFD 0\.9, beta 0\.003, two layers, +1$/);
    expect(lines.at(-1)).toMatch(/^PD +2$/);
    expect(textTable(rows).split("\n")).toHaveLength(3);
  });

  it("leaves the last student for loadGenerator, but not one that was trained at times it never asks at", async () => {
    const said = vi.spyOn(console, "log").mockReturnValue(undefined);
    const config = await configure(parseArguments("quickstart", ["node", "quickstart", "--preset", "smoke"]));
    const [first] = config.halvings;
    const exported = async (studentSteps: number, shift: number | undefined) => {
      const out = await mkdtemp(join(tmpdir(), "cfd-student-"));
      await mkdir(join(out, "checkpoints"));
      await writeFile(join(out, "checkpoints", `${first!.name}.safetensors`), "weights");
      const last = { ...first!, studentSteps, ...(shift !== undefined && { shift }) } as Halving;
      await exportStudent({ out, config: { ...config, halvings: [last] }, data: await standIn({ size: 8 }) });
      const found = await readFile(join(out, "student.safetensors"), "utf8").catch(() => undefined);
      await rm(out, { recursive: true });
      return [found, String(said.mock.calls.at(-1)![0])];
    };
    const left: unknown = [
      "weights",
      expect.stringMatching(/^Student .*student\.safetensors \(for loadGenerator\)$/),
    ];
    for (const [steps, shift] of [
      [4, undefined],
      [4, 0],
      [1, 1.5],
    ] as const)
      // prettier-ignore
      expect(await exported(steps, shift)).toEqual(left);
    expect(await exported(4, 1.5)).toEqual([
      undefined,
      expect.stringMatching(
        /^No .*student\.safetensors: loadGenerator asks at evenly spread times, and pd-4 was trained at shifted ones \(shift 1\.5\)\./,
      ),
    ]);
    said.mockRestore();
  });

  it("plans without data, for classes that a folder has or will have", async () => {
    const cifar10 = await standIn({ size: 32 });
    expect([cifar10.train.shape, cifar10.train.classes.length]).toEqual([[32, 32, 3], 10]);
    const work = await mkdtemp(join(tmpdir(), "cfd-plan-"));
    expect((await standIn({ size: 16, folder: join(work, "none") })).train.classes).toHaveLength(1);
    for (const path of ["cats", "dogs"]) {
      await mkdir(join(work, path));
      for (const name of ["a", "b"])
        await writeFile(join(work, path, name), "no picture, which nobody opens");
    }
    expect((await standIn({ size: 16, folder: work })).train.classes).toEqual(["cats", "dogs"]);
    const folder = join(work, "none");
    expect(absentPictures({ dataset: { folder } })).toBe(
      `\nPictures: not there yet; expected ${join(folder, "CLASS", "*.png")} (or JPEG, WebP).`,
    );
    for (const dataset of [{ folder: work }, "cifar10"] as const)
      expect(absentPictures({ dataset })).toBe("");
    await rm(work, { recursive: true });
    const pictures = parseArguments("cifar10-cfd", ["node", "x", "--dataset", "folder:a/pictures/"]);
    expect(pictures.out).toBe("runs/pictures-tiny");
  });
});
