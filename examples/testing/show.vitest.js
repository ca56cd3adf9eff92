// @vitest-environment jsdom
import { expect, it, vi } from "vitest";
import { loadGenerator } from "cfd-distill";
import { show } from "./show.js";

vi.mock("cfd-distill", () => ({
  useBackend: async () => ({ name: "wasm", threads: 1 }),
  loadGenerator: vi.fn(async () => ({ draw: vi.fn(), dispose: vi.fn() })),
}));

it("draws on its canvas", async () => {
  const canvas = document.createElement("canvas");
  const generator = await show(canvas, 7);
  expect(loadGenerator).toHaveBeenCalledWith("student.safetensors");
  expect(generator.draw).toHaveBeenCalledWith(canvas, { seed: 7 });
});
