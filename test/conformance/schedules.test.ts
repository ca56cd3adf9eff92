// Fixtures: python scripts/reference/make_fixtures.py (schedules.safetensors). All numbers are float64.
import { describe, expect, it } from "vitest";
import { cosineSchedule } from "../../src/schedules/cosine.js";
import { linearSchedule } from "../../src/schedules/linear.js";
import { logSNR, type NoiseSchedule } from "../../src/schedules/schedule.js";
import { sigmoidSchedule } from "../../src/schedules/sigmoid.js";
import { discreteCosineSchedule, tableSchedule } from "../../src/schedules/table.js";
import { expectClose, expectEachClose, readFixture } from "./fixtures.js";

const fixture = await readFixture("schedules");
const grid = fixture.setting("grid") as number[];
const alphaBars = (schedule: NoiseSchedule, times: readonly number[]) =>
  times.map((t) => schedule.alphaBar(t));
const logSNRs = (schedule: NoiseSchedule, times: readonly number[]) => times.map((t) => logSNR(schedule, t));

describe("schedules against PyTorch", () => {
  it.each([8, 64, 1024])("the authors' table for T = %i", (steps) => {
    const schedule = discreteCosineSchedule(steps);
    const times = Array.from({ length: steps + 1 }, (_, i) => i / steps);
    const name = `discreteCosine.${steps}`;
    expectEachClose(alphaBars(schedule, times), fixture.numbers(name), 1e-13, name);
    expectClose(logSNRs(schedule, times), fixture.numbers(`${name}.logSNR`), 1e-13, `${name} logSNR`);
    expect(schedule.alphaBar(0)).toBeLessThan(1);
  });

  it("between the entries of a table", () => {
    const want = fixture.numbers("discreteCosine.8.between");
    expectEachClose(alphaBars(discreteCosineSchedule(8), grid), want, 1e-13, "table of 8, between");
    const table = tableSchedule(fixture.setting("table") as number[]);
    expectEachClose(alphaBars(table, grid), fixture.numbers("table.between"), 1e-13, "own table, between");
  });

  it.each([
    ["cosine", cosineSchedule()],
    ["linear", linearSchedule()],
    ["sigmoid", sigmoidSchedule()],
  ])("continuous: %s", (name, schedule) => {
    expectEachClose(alphaBars(schedule, grid), fixture.numbers(name), 1e-13, name);
    expectClose(logSNRs(schedule, grid), fixture.numbers(`${name}.logSNR`), 1e-13, `${name} logSNR`);
  });
});
