// The CIFAR classifiers of ../shared/models: real files, in the format before PyTorch 1.6, that strangers trained.
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { disposeParams } from "../../src/index.js";
import { classifierFromTorch, readTorchCheckpoint, type StateDict } from "../../src/formats/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";
import { REAL_CLASSIFIERS, realClassifier } from "../support/real-classifiers.js";

onCpuWithoutLeaks();

const there = REAL_CLASSIFIERS.every(({ file }) => existsSync(realClassifier(file)));
if (!there) console.warn("!!! SKIPPED: the real classifiers, because ../shared/models is not there");
const read = (file: string) => new Uint8Array(readFileSync(realClassifier(file)));

it.skipIf(!there).each(REAL_CLASSIFIERS)(
  "$file is read as it is",
  ({ file, blocks, parameters, precision }) => {
    const tree = readTorchCheckpoint(read(file)) as { best_prec1: number; state_dict: StateDict };
    expect(tree.best_prec1).toBeCloseTo(precision, 2);
    const { network, params } = classifierFromTorch(tree.state_dict);
    expect(network.config).toEqual({
      ...{ type: "resnet", blocks, width: 16, bottleneck: false, shortcut: "pad" },
      ...{ classes: 10, imageChannels: 3 },
    });
    const trained = Object.values(params).filter(({ trainable }) => trainable);
    expect(trained.reduce((sum, { size }) => sum + size, 0)).toBe(parameters);
    disposeParams(params);
  },
);

it.skipIf(!there)("changed or cut off anywhere among its pickles, it is read or refused, soon", () => {
  const bytes = read(REAL_CLASSIFIERS[0].file);
  const storages = bytes.length - 4 * 270_000; // about all that is not numbers
  const place = fc.nat(storages);
  const edits = fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 4 });
  const attempt = (changed: Uint8Array) => {
    const started = performance.now();
    try {
      readTorchCheckpoint(changed);
    } catch (error) {
      expect((error as Error).message).toMatch(/^readTorchCheckpoint: expected [^]*, got [^]*\.$/);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  };
  const change = fc.property(edits, (list) => {
    const changed = bytes.slice();
    for (const [at, value] of list) changed[at] = value;
    attempt(changed);
  });
  fc.assert(change, { numRuns: 1500, seed: 1 });
  const move = fc.property(place, place, fc.integer({ min: 1, max: 64 }), (from, to, length) => {
    attempt(bytes.slice().copyWithin(to, from, from + length));
  });
  fc.assert(move, { numRuns: 1000, seed: 2 });
  for (let length = 0; length < bytes.length; length += length < storages ? 7 : 40_001) {
    expect(() => readTorchCheckpoint(bytes.subarray(0, length)), `${length} bytes`).toThrow(
      /^readTorchCheckpoint: expected /,
    );
  }
});
