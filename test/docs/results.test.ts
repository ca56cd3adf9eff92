import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { confirmed, deviation, mean, screened, seedsOf } from "../../tools/results/findings.js";
import { nearestOf } from "../../tools/results/one-step.js";
import { pageOf } from "../../tools/results/page.js";
import { leads, teachersPart } from "../../tools/results/teachers.js";
import { readExperiment, readMeasuredRun, secondsOf, type MeasuredRun } from "../../tools/results/runs.js";

const docs = fileURLToPath(new URL("../../docs/", import.meta.url));

describe("docs/results.md", () => {
  it("is what follows from the runs in docs/results", () => {
    expect(readFileSync(`${docs}results.md`, "utf8")).toBe(pageOf(readExperiment(`${docs}results`)));
  });
});

describe("the part of two teachers", () => {
  it("has a row of each arm for each teacher, and the times", () => {
    const experiment = readExperiment(`${docs}results`);
    const { confirm } = experiment;
    const part = teachersPart([confirm!, confirm!]).join("\n");
    expect(part.match(/^\| 4\.2 epochs: CFD 0\.9, beta 0\.003 /gm)).toHaveLength(3 * 2);
    const page = pageOf({ ...experiment, thirty: confirm });
    expect(page).toContain("## From a teacher of 4.2 epochs");
    expect(page).toMatch(/- The teacher of 4\.2 epochs: 13000 steps of 16, .*; all its students: /);
    expect(page).toContain("--preset thirty");
  });
});

describe("a run", () => {
  it("is refused by the name of the file that is cut short", () => {
    const run = mkdtempSync(join(tmpdir(), "run-"));
    const screen = join(docs, "results", "screen");
    for (const file of ["config.json", "log.jsonl"]) copyFileSync(join(screen, file), join(run, file));
    writeFileSync(join(run, "report.json"), readFileSync(join(screen, "report.json")).subarray(0, 900));
    expect(() => readMeasuredRun(run)).toThrow(/report\.json: expected a whole JSON file, got: /);
    rmSync(run, { recursive: true });
  });
});

const line = (stage: string, step: number, second: number) => ({
  stage,
  step,
  at: new Date(1000 * second).toISOString(),
});

describe("the time of a stage", () => {
  it("is that between its lines, scaled to all steps", () => {
    expect(secondsOf([line("a", 50, 10), line("a", 100, 20), line("a", 150, 30)])).toEqual({ a: 30 });
  });

  it("leaves out what parts a run from its continuation, and steps that are done again", () => {
    const log = [
      line("a", 50, 10),
      line("a", 100, 20),
      { event: "resume" },
      line("a", 50, 500),
      line("a", 100, 510),
    ];
    expect(secondsOf(log)).toEqual({ a: 20 });
  });
});

describe("what is found", () => {
  const result = (arm: string, frechet: number, kernel: number, toTeacher: number) => {
    const distances = [{ frechet, kernel: { mean: kernel, standardError: 0.01 }, precision: 1, recall: 1 }];
    return {
      arm,
      steps: 1,
      stage: arm,
      halving: { label: arm, method: arm === "PD" ? "pd" : "cfd" },
      row: { toTeacher },
      distances,
    };
  };
  const judged = { extractors: [{ extractor: "judge" }] };
  const run = {
    report: judged,
    results: [result("PD", 3, 0.3, 0.1), result("CFD 1", 2, 0.2, 0.2), result("CFD 0.5", 4, 0.31, 0.3)],
  };

  it("ranks the arms, and tells clear differences from others", () => {
    const [heading, headline, byJudge, pixels] = screened(run as unknown as MeasuredRun, "One halving");
    expect(heading).toBe("One halving:");
    expect(headline).toContain("1 of 2 students by CFD are nearer to the data than PD's");
    expect(byJudge).toContain("are CFD 1 (2.00); PD (3.00); CFD 0.5 (4.00); PD (3.00) is number 2 of 3.");
    expect(byJudge).toMatch(/1 of 2 by CFD are clearly .* nearer than PD; clearly farther: none\.$/);
    expect(pixels).toMatch(/: PD \(0\.100\); CFD 1 \(0\.200\); CFD 0\.5 \(0\.300\)\.$/);
  });

  it("compares chains seed by seed, at the steps that all arms have", () => {
    const student = (arm: string, steps: number, frechet: number) => ({
      ...result(arm, frechet, arm === "PD" ? 0.3 : 0.2, arm === "PD" ? 0.1 : 0.2),
      steps,
    });
    const chains = {
      report: run.report,
      results: [
        ...[3, 4].map((distance) => student("PD", 2, distance)),
        ...[1, 5].map((distance) => student("CFD 1", 2, distance)),
        student("CFD 1", 8, 0),
      ],
    } as unknown as MeasuredRun;
    expect(confirmed(chains, "Chains")).toEqual([
      "Chains:",
      "CFD 1: nearer to the data than PD in 1 of 2 comparisons (of one seed, number of steps and extractor) by the Frechet " +
        "distance, in 2 of 2 by the kernel distance. Frechet distance less PD's, the seeds' mean: on judge -0.50 at 2 steps. " +
        "Pixels from the teacher: 0.200 at 2 steps.",
      "PD: pixels from the teacher 0.100 at 2 steps.",
    ]);
  });

  it("says where PD is nearer in the mean although most comparisons favour the other", () => {
    const student = (arm: string, steps: number, distance: number) => ({
      ...result(arm, 1, distance, 0.1),
      steps,
    });
    const far = [
      ...[0.3, 0.3, 0.3].map((distance) => student("PD", 2, distance)),
      ...[0.2, 0.2, 0.9].map((distance) => student("CFD 1", 2, distance)),
    ];
    const chains = { report: run.report, results: far } as unknown as MeasuredRun;
    expect(confirmed(chains, "Chains")[1]).toContain(
      "in 2 of 3 by the kernel distance (by its mean over the seeds PD is nearer on judge at 2 steps). Frechet",
    );
  });

  it("ranks ways to one step, and calls one nearest if each of its seeds is", () => {
    const nearest = (...students: [arm: string, frechet: number][]) => {
      const results = students.map(([arm, frechet]) => result(arm, frechet, 0.2, 0.1));
      const run = { config: { measured: 5 }, report: judged, results } as unknown as MeasuredRun;
      return nearestOf(run);
    };
    expect(nearest(["PD", 3], ["VSD", 1], ["PD", 4], ["VSD", 2])).toEqual([
      "Ways from the teacher to one step in equal time, 2 seeds, 5 samples a student:",
      "VSD is nearest to the data with every seed on the features of every extractor.",
      "By the Frechet distance on the features of judge, from the nearest on, means and standard deviations of seeds: " +
        "VSD (1.50 ± 0.71); PD (3.50 ± 0.71).",
    ]);
    expect(nearest(["PD", 1.5], ["VSD", 1], ["PD", 4], ["VSD", 2])[1]).toMatch(/^No way is nearest/);
  });

  it("compares two teachers by the lead over PD, and calls it changed where seeds differ by less", () => {
    const run = (steps: number, students: readonly (readonly [arm: string, distance: number])[]) => {
      const results = [
        { ...result("PD", 1, 0, 0), steps: 8 }, // of one seed, and of no other arm
        ...students.map(([arm, distance]) => result(arm, distance, 0.2, 0.1)),
      ];
      return { config: { base: { steps, batch: 50 } }, report: judged, results } as unknown as MeasuredRun;
    };
    const of = (arm: string, ...distances: number[]) => distances.map((distance) => [arm, distance] as const);
    const old = run(1000, [...of("PD", 2, 2), ...of("CFD", 1, 1.2), ...of("CFD + PD", 1, 1.2)]);
    const longer = run(4000, [
      ...of("PD", 4, 4),
      ...of("CFD", 3.8, 4),
      ...of("CFD + PD", 1.8, 2.4),
      ...of("SiD", 1, 1),
    ]);
    expect(leads([old, longer])).toEqual([
      "How much nearer to the data than PD, in parts of PD's Frechet distance, mean and standard deviation of seeds, from a " +
        "teacher of 1.0 epochs and from one of 4.0:",
      "CFD, on judge: 45 ± 7 % and 3 ± 4 % at 1 step, it shrinks.",
      "CFD + PD, on judge: 45 ± 7 % and 48 ± 11 % at 1 step, it stays, as far as the seeds tell.",
    ]);
    expect(leads([longer, old])[1]).toContain("it grows");
    expect(seedsOf(longer)).toBe(2);
  });

  it("has the mean and the deviation of a sample", () => {
    expect([mean([1, 2, 6]), deviation([1, 3])]).toEqual([3, Math.SQRT2]);
  });
});
