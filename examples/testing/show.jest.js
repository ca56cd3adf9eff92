/** @jest-environment jsdom */
import { expect, it, jest } from "@jest/globals";

jest.unstable_mockModule("cfd-distill", () => ({
  useBackend: async () => ({ name: "wasm", threads: 1 }),
  loadGenerator: jest.fn(async () => ({ draw: jest.fn(), dispose: jest.fn() })),
}));
const { loadGenerator } = await import("cfd-distill");
const { show } = await import("./show.js");

it("draws on its canvas", async () => {
  const canvas = document.createElement("canvas");
  const generator = await show(canvas, 7);
  expect(loadGenerator).toHaveBeenCalledWith("student.safetensors");
  expect(generator.draw).toHaveBeenCalledWith(canvas, { seed: 7 });
});
