import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import {
  readTorchCheckpoint,
  toFloat32,
  type StoredTensor,
  type TorchValue,
} from "../../src/formats/index.js";
import { inFolder } from "./exchange.js";
import { python } from "./python.js";

type Tree = Readonly<Record<string, TorchValue>>;
const count = (length: number) => Array.from({ length }, (_, i) => i);
const numbers = (tensor: TorchValue | undefined) => [...toFloat32(tensor as StoredTensor)];

it("torch.save's files of every protocol and format hold the same", async () => {
  await inFolder(async (path) => {
    await python("torch_files.py", path(""));
    const names = (await readdir(path(""))).filter((name) => name !== "negated.pt");
    expect(names.length).toBe(5);
    for (const name of names) {
      const tree = readTorchCheckpoint(await readFile(path(name))) as Tree;
      const { whole, turned, part, half } = tree.weights as Tree;
      expect([numbers(whole), numbers(part), numbers(half)], name).toEqual([
        count(24),
        [5, 6, 7, 8],
        [0, 1, 2],
      ]);
      expect(numbers(turned), name).toEqual(count(6).flatMap((i) => count(4).map((j) => 6 * j + i)));
      expect((part as StoredTensor).data.buffer, name).toBe((whole as StoredTensor).data.buffer);
      expect(numbers(tree.parameter), name).toEqual([0, 1]);
      const bytes = Uint8Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 0 : 255));
      const plain = [
        null,
        true,
        -1,
        2 ** 40,
        2n ** 70n,
        0.1,
        "ä".repeat(300),
        bytes,
        [1, [2, 3]],
        ["one"],
        [2, 3],
      ];
      expect(tree.plain, name).toEqual(plain);
      expect(tree.long, name).toEqual(count(3000));
    }
    const negated = readTorchCheckpoint(await readFile(path("negated.pt")));
    expect(negated).toMatchObject({ unread: "a tensor with neg" });
  });
});
