// A drawing that something else takes the place of.
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Figure } from "../figure.js";
import { heldModel } from "../models.js";
import type { SamplerClient } from "../sampler-client.js";

beforeAll(() => {
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
});
afterAll(() => {
  vi.unstubAllGlobals();
});

/** Draws where the visitor wants something else as soon as `when` of the worker is done; what the worker was asked for. */
async function drawUntil(when: "ensure" | "startOf" | "sample") {
  const { drawFigure } = await import("../draw-figure.js");
  let isCurrent = true;
  const asked: string[] = [];
  const answer =
    <T>(name: string, value: T) =>
    () => {
      asked.push(name);
      if (name === when) isCurrent = false;
      return Promise.resolve(value);
    };
  const remote = {
    startOf: answer("startOf", new Float32Array(3)),
    sample: answer("sample", { call: 2, calls: 9 }),
  };
  const ensure = answer("ensure", { shape: [1, 1, 3], steps: 1 });
  const worker = { ensure, remote, watch: <T>(work: Promise<T>) => work } as unknown as SamplerClient;
  const to = { element: {}, keep: vi.fn(), show: vi.fn(), caption: vi.fn(), fail: vi.fn() };
  const planned = { model: heldModel("a", "A", "a", new Uint8Array()), steps: 1, title: "A", note: "" };
  const starts = { seeds: [1], labels: [-1] };
  const around = { starts, isCurrent: () => isCurrent, again: vi.fn(), next: undefined };
  const measured = await drawFigure(worker, planned, to as unknown as Figure, around);
  expect(to.fail).not.toHaveBeenCalled();
  return { asked, measured };
}

it.each(["ensure", "startOf"] as const)("does not begin once it is stopped after %s", async (when) => {
  const { asked, measured } = await drawUntil(when);
  expect(asked).not.toContain("sample");
  expect(measured).toBeUndefined();
});

it("is measured where it was drawn to its end", async () => {
  const { asked, measured } = await drawUntil("sample");
  expect(asked).toEqual(["ensure", "startOf", "sample"]);
  expect(measured).toEqual({ calls: 1, milliseconds: 2 });
});
