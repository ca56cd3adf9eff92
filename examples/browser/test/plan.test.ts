// What the page decides to draw.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { heldModel, nearestModel, ownModel } from "../models.js";
import type { Manifest } from "../../emoji/manifest.js";
import { classesOf, firstWish, namesOf, plan, startsOf } from "../plan.js";

const file = new URL("../../assets/models/manifest.json", import.meta.url);
const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
const letters = { ...manifest, classes: ["a", "b", "c", "d", "e"] };

describe("what an image starts from", () => {
  const labels = (count: number, classes: readonly string[] = letters.classes, kind = -1) =>
    startsOf({ seed: 7, count, kind }, classes).labels;

  it("is a seed each, and of a mix all classes, spread over them or over and over", () => {
    expect(startsOf({ seed: 7, count: 2, kind: -1 }, letters.classes)).toEqual({
      seeds: [7, 8],
      labels: [0, 2],
    });
    expect(labels(1)).toEqual([0]);
    expect(labels(6)).toEqual([0, 1, 2, 3, 4, 0]);
    expect(new Set(labels(9, manifest.classes)).size).toBe(9);
  });

  it("is of the chosen class, said as people do", () => {
    expect(labels(3, letters.classes, 3)).toEqual([3, 3, 3]);
    expect(namesOf({ seeds: [4, 5], labels: [0, 1] }, ["a", "a-new-kind"])).toEqual([
      "A, seed 4",
      "A new kind, seed 5",
    ]);
  });
});

describe("classes of the visitor's own model", () => {
  const held = heldModel("file-1", "Your file", "cats.safetensors", new Uint8Array());
  const of = (facts: { classes?: number; classNames?: string[] }) =>
    classesOf(ownModel(held, { steps: 1, shape: [8, 8, 3], ...facts }, letters), letters);

  it("are those that it names, else numbers; as many as the page's are the page's", () => {
    expect(of({ classes: 2, classNames: ["cat", "dog"] })).toEqual(["cat", "dog"]);
    expect(of({ classes: 2 })).toEqual(["class 0", "class 1"]);
    expect(of({ classes: 5 })).toEqual(letters.classes);
    expect(classesOf(undefined, letters)).toEqual(letters.classes);
  });

  it("are none of a model that knows none: its images have but seeds", () => {
    const starts = startsOf({ seed: 7, count: 2, kind: -1 }, of({}));
    expect(starts).toEqual({ seeds: [7, 8], labels: [-1, -1] });
    expect(namesOf(starts, [])).toEqual(["Seed 7", "Seed 8"]);
  });
});

describe("a model of the visitor's own", () => {
  const held = heldModel("file-1", "Your file", "cats.safetensors", new Uint8Array());
  const mine = ownModel(held, { steps: 3, shape: [8, 8, 3] }, letters);
  const drawn = (steps: number) => {
    const models = new Map([[mine.id, mine]]);
    return plan({ ...firstWish, show: mine.id, steps }, manifest, models).map(({ steps, note }) => [
      steps,
      note,
    ]);
  };

  it("is drawn in no more steps than it was trained for, which is said", () => {
    expect(drawn(8)).toEqual([[3, "3 calls, all it was trained for"]]);
    expect(drawn(2)).toEqual([[2, "2 calls"]]);
  });
});

describe("the model for a number of steps", () => {
  const nearest = (method: "teacher" | "pd" | "cfd") =>
    Array.from({ length: 8 }, (_, i) => nearestModel(manifest.models, method, i + 1).id);

  it("is the one trained for the nearest number, by its ratio", () => {
    expect(nearest("pd")).toEqual(["pd-1", "pd-2", "pd-4", "pd-4", "pd-4", "pd-8", "pd-8", "pd-8"]);
    expect(nearest("cfd")).toEqual(["cfd-1", "cfd-2", ...Array<string>(6).fill("cfd-4")]);
    expect(new Set(nearest("teacher"))).toEqual(new Set(["teacher"]));
  });
});
