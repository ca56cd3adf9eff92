// What the page's address may say.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { firstSettings, readAddress, writeAddress, type Settings } from "../address.js";
import type { Manifest } from "../../emoji/manifest.js";

const file = new URL("../../assets/models/manifest.json", import.meta.url);
const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
const read = (hash: string) => readAddress(hash, manifest);

describe("settings in the address", () => {
  const heart = manifest.classes.indexOf("heart");

  it("come back as they were written", () => {
    const all: Settings = {
      ...{ show: "pd-4", steps: 4, seed: 999_999_999, count: 16, kind: heart },
      ...{ engine: "webgl", threads: 1, method: "pd", training: 500 },
    };
    const hash = writeAddress(all, manifest);
    expect(hash).toBe(
      "#show=pd-4&steps=4&count=16&seed=999999999&engine=webgl&threads=1&method=pd&training=500&kind=heart",
    );
    expect(read(hash)).toEqual({ settings: all, unknown: [] });
  });

  it("are left out where they are the first ones, or of a model of the visitor's own", () => {
    expect(writeAddress(firstSettings, manifest)).toBe("");
    expect(writeAddress({ ...firstSettings, show: "file-1", kind: 3 }, manifest)).toBe("");
    expect(read("")).toEqual({ settings: firstSettings, unknown: [] });
    expect(read("#draw-title")).toEqual({ settings: firstSettings, unknown: [] });
  });

  it.each([
    "steps=3",
    "steps=1e0",
    "steps=",
    "count=1000000",
    "seed=-1",
    "seed=1.5",
    "seed=1000000000",
    "seed=NaN",
    "kind=__proto__",
    "kind=constructor",
    "show=../secret",
    "show=file-1",
    "engine=cpu",
    "threads=64",
    "method=sid",
    "training=31",
  ])("are the first ones in place of %s, which is named", (part) => {
    expect(read(`#${part}`)).toEqual({ settings: firstSettings, unknown: [part] });
  });

  it("keep what is right beside what is wrong, and name no more than the beginning of it", () => {
    const { settings, unknown } = read(`#seed=7&kind=${"x".repeat(10_000)}&kind=heart`);
    expect(settings).toEqual({ ...firstSettings, seed: 7 });
    expect(unknown).toEqual([`kind=${"x".repeat(40)}`]);
  });
});
