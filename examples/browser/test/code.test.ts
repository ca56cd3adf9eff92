// The program that draws what is on the page; page.test.ts runs one.
import { expect, it } from "vitest";
import { codeOf } from "../code.js";
import { heldModel } from "../models.js";

const model = heldModel("a", "A", "my model.safetensors", new Uint8Array());
const planned = [{ model, steps: 2, title: "A", note: "" }];
const labelled = { planned, starts: { seeds: [7, 8], labels: [3, 0] } };

it("draws on a canvas of its own, by the settings of the page", () => {
  expect(codeOf(labelled, { engine: "wasm", threads: 1 }))
    .toBe(`import { loadGenerator, useBackend } from "cfd-distill";

const canvas = document.createElement("canvas");
canvas.style.cssText = "width: 480px; image-rendering: pixelated";
document.body.append(canvas);
await useBackend("wasm", { threads: 1 });
const generator = await loadGenerator("my model.safetensors");
await generator.draw(canvas, { seeds: [7, 8], labels: [3, 0], steps: 2 });
`);
});

it("says no threads but of wasm, where they are chosen, and no labels of a model that knows none", () => {
  const starts = { seeds: [7], labels: [-1] };
  const wasm = codeOf({ planned, starts }, { engine: "wasm", threads: undefined });
  expect(wasm).toContain('useBackend("wasm");');
  expect(wasm).toContain("draw(canvas, { seeds: [7], steps: 2 });");
  expect(codeOf(labelled, { engine: "webgl", threads: 1 })).toContain('useBackend("webgl");');
});

it("brings WebGPU's package where that computes", () => {
  const code = codeOf(labelled, { engine: "webgpu", threads: undefined });
  expect(code).toMatch(/^import "cfd-distill\/backends\/webgpu"; .*@tensorflow\/tfjs-backend-webgpu$/m);
});
