// The operations of AutoAugment beside Pillow's own, which scripts/reference/make_augment_files.py wrote down.
import { readFileSync } from "node:fs";
import { decodeSafetensors, safetensorsMetadata } from "cfd-distill/formats";
import { type Picture } from "cfd-distill/data";
import { describe, expect, it } from "vitest";
import { applyStep, cifar10Policy, operations } from "../../datasets/augment/policy.js";

const file = new URL("../../../../test/fixtures/augment/pillow.safetensors", import.meta.url);
const bytes = readFileSync(file);
const stored = decodeSafetensors(bytes);
const entries = Object.keys(stored).map((key) => {
  const [image, operation, amount] = key.split("/") as [string, string, string];
  return { key, image, operation, amount: Number(amount) };
});

function pictureOf(key: string): Picture {
  const { shape, data } = stored[key]!;
  return { width: shape[1]!, height: shape[0]!, data: data as Uint8Array };
}

/** How many values differ from Pillow's: none may. */
function differences(got: Picture, key: string): number {
  const want = pictureOf(key);
  expect([got.width, got.height]).toEqual([want.width, want.height]);
  return got.data.reduce((count, value, i) => count + Number(value !== want.data[i]), 0);
}

describe("AutoAugment's operations give Pillow's bytes:", () => {
  it.each(Object.entries(operations))("%s", (name, { apply }) => {
    const cases = entries.filter(({ operation }) => operation === name);
    expect(cases.length).toBeGreaterThanOrEqual(5); // every image, one amount at least
    const wrong = cases.map(({ key, image, amount }) => {
      const original = pictureOf(`${image}/original/0`);
      const before = original.data.slice();
      const count = differences(apply(original, amount), key);
      expect(Buffer.compare(original.data, before), `${key} changed its input`).toBe(0);
      return [key, count];
    });
    expect(Object.fromEntries(wrong)).toEqual(Object.fromEntries(cases.map(({ key }) => [key, 0])));
  });
});

describe("AutoAugment's sub-policies give Pillow's bytes:", () => {
  const cases = entries.filter(({ operation }) => operation === "policy");

  it("all 25 are there, as the script has the paper's table", () => {
    expect(cifar10Policy).toEqual(JSON.parse(safetensorsMetadata(bytes).policy!));
    expect(cases.map(({ amount }) => amount).sort((a, b) => a - b)).toEqual([...cifar10Policy.keys()]);
  });

  it.each(cases)("$key", ({ key, image, amount }) => {
    const original = pictureOf(`${image}/original/0`);
    const changed = cifar10Policy[amount]!.reduce((picture, step) => applyStep(picture, step, 1), original);
    expect(differences(changed, key)).toBe(0);
  });
});
