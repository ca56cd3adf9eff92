import { readdir, readFile, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeSafetensors, encodeSafetensors, safetensorsMetadata } from "../../src/formats/index.js";
import { DTYPE_ARRAYS, sizeOf, type DType, type StoredTensor } from "../../src/formats/state-dict.js";
import { inFolder } from "./exchange.js";
import { python } from "./python.js";

const same = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(b);

it("files of Python's safetensors, decoded and encoded here, are the same bytes", async () => {
  await inFolder(async (path) => {
    await python("safetensors_files.py", "write", path(""));
    const names = await readdir(path(""));
    expect(names.length).toBe(4);
    for (const name of names) {
      const bytes = await readFile(path(name));
      const again = encodeSafetensors(decodeSafetensors(bytes), safetensorsMetadata(bytes));
      expect(same(again, bytes), name).toBe(true);
    }
    const types = Object.values(decodeSafetensors(await readFile(path("plain.safetensors"))));
    expect(new Set(types.map(({ dtype }) => dtype))).toEqual(new Set(Object.keys(DTYPE_ARRAYS)));
    console.log(`byte for byte the same, from Python: ${names.length} files, of all types`);
  });
});

/** A tensor of any type, scalars and empty ones too, with any bits (booleans are 0 or 1). */
const anyTensor = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(DTYPE_ARRAYS) as DType[])),
    shape: fc.array(fc.nat(3), { maxLength: 4 }),
    seed: fc.nat(255),
  })
  .map(({ dtype, shape, seed }) => {
    const ArrayType = DTYPE_ARRAYS[dtype];
    const length = sizeOf(shape) * ArrayType.BYTES_PER_ELEMENT;
    const bytes = Uint8Array.from({ length }, (_, i) =>
      dtype === "BOOL" ? (seed >> (i % 8)) & 1 : seed + 7 * i,
    );
    return { dtype, shape, data: new ArrayType(bytes.buffer) } as StoredTensor;
  });

const anyName = fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__");
// Python writes several keys of metadata in an order of its own, another at each run.
const anyMetadata = fc.dictionary(anyName, anyName, { maxKeys: 1 });

it("files from here, loaded and saved by Python's safetensors, are the same bytes", async () => {
  const file = fc.tuple(fc.dictionary(anyName, anyTensor, { maxKeys: 12 }), anyMetadata);
  const files = fc.sample(file, { numRuns: 300, seed: 1 });
  await inFolder(async (path) => {
    for (const [i, [tensors, metadata]] of files.entries()) {
      await writeFile(path(`${i}.safetensors`), encodeSafetensors(tensors, metadata));
    }
    await python("safetensors_files.py", "rewrite", path(""));
    for (const [i] of files.entries()) {
      const [ours, theirs] = await Promise.all(
        ["safetensors", "again"].map((kind) => readFile(path(`${i}.${kind}`))),
      );
      expect(same(ours!, theirs!), JSON.stringify(files[i]![1])).toBe(true);
    }
    console.log(
      `byte for byte the same, to Python and back: ${files.length} files of any names, types and shapes`,
    );
  });
});
