import { expect, it } from "vitest";
import {
  allPassed,
  engineTable,
  withTable,
  type Column,
  type Report,
} from "../../tools/conformance/table.js";

const file = (name: string, seconds: number, statuses: string[], device?: string) => ({
  name: `/home/someone/test/conformance/${name}.test.ts`,
  startTime: 1000,
  endTime: 1000 + 1000 * seconds,
  message: "",
  assertionResults: statuses.map((status) => ({ status, meta: device === undefined ? {} : { device } })),
});
const report = (...testResults: Report["testResults"][number][]): Report => ({ testResults });

const good: Column = { name: "wasm", report: report(file("unets", 1.23, ["passed", "passed"], "Node 20")) };
const bad: Column = {
  name: "webgl",
  report: report(
    file("unets", 2, ["failed", "passed", "skipped"]),
    file("losses", 0, []),
    file("threads", 1, ["skipped"]),
  ),
};
const absent: Column = { name: "node", missing: "it is not built" };

it("has a row for each suite, a column for each engine, and the reason for what did not run", () => {
  expect(engineTable([good, bad, absent]).split("\n")).toEqual([
    "| suite | wasm | webgl | node |",
    "| --- | --- | --- | --- |",
    "| losses | - | **did not load**, 0 in 0.0 s | - |",
    "| threads | - | 1 skipped | - |",
    "| unets | 2 in 1.2 s | **1 failed**, 1 skipped, 1 in 2.0 s | - |",
    "| passed | **2 of 2** | **1 of 2**, 2 skipped | not run |",
    "",
    "| engine | what computed |",
    "| --- | --- |",
    "| wasm | Node 20 |",
    "| webgl | no device was named |",
    "| node | not run: it is not built |",
  ]);
});

it("knows what failed: tests, and files that did not load", () => {
  expect([good, bad, absent].map(allPassed)).toEqual([true, false, true]);
  expect(allPassed({ name: "cpu", report: report(file("losses", 0, [])) })).toBe(false);
});

it("replaces what stands between the marks, and refuses a page without them", () => {
  const page = "a\n<!-- conformance: begin -->\nold\n<!-- conformance: end -->\nb";
  expect(withTable(page, "| new |")).toBe(
    "a\n<!-- conformance: begin -->\n\n| new |\n\n<!-- conformance: end -->\nb",
  );
  expect(() => withTable("a", "b")).toThrow("replaceBetween: expected the marks <!-- conformance: begin -->");
});
