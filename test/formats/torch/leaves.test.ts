// Fixtures: python scripts/reference/make_torch_files.py, with PyTorch 2.13.
// What torch.load(weights_only=True) allows is read, or is a leaf with a name; the rest of the file is read in any case.
import { readFileSync } from "node:fs";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { leavesOf } from "../../../src/cli/inspect/leaves.js";
import {
  classifierFromTorch,
  encodeSafetensors,
  readTorchCheckpoint,
  toFloat32,
  unetFromTorch,
  UnreadLeaf,
  type StateDict,
  type StoredTensor,
  type TorchValue,
} from "../../../src/formats/index.js";

type Tree = Readonly<Record<string, TorchValue>>;
const file = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/torch/${name}.pt`, import.meta.url)));
const numbers = (value: TorchValue | undefined) => [...toFloat32(value as StoredTensor)];

describe.each(["leaves", "leaves-legacy"])("%s", (name) => {
  const tree = readTorchCheckpoint(file(name)) as Readonly<Record<string, Tree>>;
  const read = tree.read!;

  it("gives the tensor that stands beside the others", () => {
    expect(numbers(tree.model!.w)).toEqual([0, 1, 2]);
  });

  it.each(["attributes", "parameter", "hooked", "buffer"])(
    "reads a tensor with what it carries: %s",
    (key) => {
      expect(numbers(read[key])).toEqual([0, 1, 2]);
    },
  );

  it("reads counters, names of types, bytes and text", () => {
    expect(Object.entries((read.scheduler as Tree).milestones as Tree)).toEqual([
      ["30", 1],
      ["80", 1],
    ]);
    expect((read.counters as Tree[]).map((counter) => Object.entries(counter))).toEqual([
      [
        ["a", 2],
        ["b", 1],
      ],
      [],
    ]);
    const types = ["float16", "float8_e4m3fn", "uint3", "bits8", "complex32"];
    expect(read.types).toEqual(types.map((type) => `torch.${type}`));
    expect(read.names).toEqual(["torch.sparse_coo", "torch.per_tensor_affine", ["cuda", 1]]);
    expect(read.bytes).toEqual([[], [0, 255], [97, 98], []].map((values) => Uint8Array.from(values)));
    expect([read.frozen, read["half a pair"]]).toEqual([[1], "a\ud800b"]);
  });

  it("names keys that are no text as Python shows them", () => {
    const keys = {
      None: 1,
      "(0, 1)": 2,
      "('a', None, (true,))": 3,
      "0.5": 4,
      "1152921504606846976": 5,
      "()": 6,
    };
    expect({ ...(read.keys as Tree) }).toEqual(keys);
  });

  it("has leaves with names for the rest", () => {
    const { itself, "bytes as a key": bytes, "equal keys": equal, ...leaves } = tree.unread!;
    expect({ ...(bytes as Tree) }).toEqual({ "b'k'": 1 });
    expect({ ...(equal as Tree) }).toEqual({ "1": new UnreadLeaf("two values, of keys that both read 1") });
    expect(Object.entries(leaves).map(([key, leaf]) => [key, (leaf as UnreadLeaf).unread])).toEqual([
      ["complex number", "a complex number"],
      ["coo", "a sparse tensor"],
      ["csr", "a sparse tensor"],
      ["qint8", "a quantised tensor"],
      ["qint32", "a quantised tensor"],
      ["quint4x2", "a quantised tensor"],
      ["float8", "a tensor of torch.float8_e4m3fn"],
      ["float4", "a tensor of torch.float4_e2m1fn_x2"],
      ["complex64", "a tensor of torch.complex64"],
      ["complex128", "a tensor of torch.complex128"],
      ["complex32", "a tensor of torch.complex32"],
      ["negated", "a tensor with neg"],
      ["conjugated", "a tensor of torch.complex64"],
      ["meta", "a meta tensor, which has no values"],
      ["nested", "a nested tensor"],
      ["jagged", "a nested tensor"],
      ["storage", "a storage"],
    ]);
    expect(Object.values(leaves).every((leaf) => leaf instanceof UnreadLeaf)).toBe(true);
    expect(itself).toEqual([1, new UnreadLeaf("a list that contains itself")]);
    expect(leavesOf(tree.unread!)).toContainEqual({
      name: "coo",
      value: "a sparse tensor, which is not read",
    });
  });
});

it.each(["multisteplr", "dtype"])(
  "a file with what trainings save beside the weights is read: %s",
  (name) => {
    expect(numbers((readTorchCheckpoint(file(name)) as Readonly<Record<string, Tree>>).model!.w)).toEqual([
      0, 1, 2,
    ]);
  },
);

it("an unread leaf is an error, with its name, where it is used", () => {
  const { unread } = readTorchCheckpoint(file("leaves")) as { unread: StateDict };
  const stateDict = { "fc.weight": unread.float8! };
  const message = /"fc\.weight": a tensor of torch\.float8_e4m3fn, which is not read/;
  expect(() => unetFromTorch(stateDict)).toThrow(message);
  expect(() => classifierFromTorch(stateDict)).toThrow(message);
  expect(() => toFloat32(unread.coo!)).toThrow(/toFloat32: expected a dtype among .*a sparse tensor/);
  expect(() => encodeSafetensors({ x: unread.coo! })).toThrow(/"x" to have a dtype among .*a sparse tensor/);
});

const ascii = (text: string) => Array.from(text, (character) => character.charCodeAt(0));
const checkpoint = (pickle: string) =>
  zipSync({ "a/data.pkl": Uint8Array.from(ascii(`\x80\x02${pickle}.`)) }, { level: 0 });
const REBUILD = "ctorch._tensor\n_rebuild_from_type_v2\n";

describe("by hand:", () => {
  it("an object of PyTorch 0.x or of several machines is a leaf, whatever state it is given", () => {
    const old = readTorchCheckpoint(checkpoint("ctorch\nFloatTensor\n)\x81]b"));
    expect(old).toEqual(new UnreadLeaf("an object of torch.FloatTensor"));
    const spread = readTorchCheckpoint(checkpoint("ctorch.distributed.tensor\nDTensor\n)R"));
    expect(spread).toEqual(new UnreadLeaf("an object of torch.distributed.tensor.DTensor"));
    expect(readTorchCheckpoint(checkpoint("ctorch\nFloatStorage\n"))).toBe("torch.FloatStorage");
  });

  it.each([
    [
      "a class of one's own",
      `${REBUILD}(ctorch._utils\n_rebuild_parameter\ncmine\nTensor\n)}tR`,
      /got mine\.Tensor/,
    ],
    ["another function", `${REBUILD}(cos\nsystem\nctorch\nTensor\n)}tR`, /got os\.system/],
    ["itself", `${REBUILD}(${REBUILD}ctorch\nTensor\n)}tR`, /got torch\._tensor\._rebuild_from_type_v2/],
    [
      "a class that is held, not called",
      "cos\nsystem\n",
      /nothing that Python would have to.*got os\.system/,
    ],
  ])("%s is refused where a tensor is to have attributes", (_, pickle, message) => {
    expect(() => readTorchCheckpoint(checkpoint(pickle))).toThrow(message);
  });

  it("tuples as keys cost no more than is bounded", () => {
    // 30 tuples, each of 4 copies of the one before, and the last as a dict's key
    const doubled = Array.from({ length: 30 }, () => "q\x000(h\x00h\x00h\x00h\x00t").join("");
    expect(() => readTorchCheckpoint(checkpoint(`})${doubled}Ns`))).toThrow(
      /tuples as keys of at most 16777216 characters together, got more/,
    );
  });
});
