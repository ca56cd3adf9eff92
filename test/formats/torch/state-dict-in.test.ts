// Fixtures: torch.save of a ResNet as it is, of torch.compile of it, and of DistributedDataParallel of that, by PyTorch
// 2.13; expected-logits.json is what PyTorch answers to its x.
import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { networksIn } from "../../../src/cli/inspect/networks.js";
import { createRng, disposeParams, inception, unet } from "../../../src/index.js";
import {
  classifierFromTorch,
  encodeSafetensors,
  decodeSafetensors,
  inceptionFromTorch,
  readTorchCheckpoint,
  stateDictIn,
  unetFromTorch,
  UnreadLeaf,
  unetToTorch,
  type StateDict,
  type StoredTensor,
  type TorchValue,
} from "../../../src/formats/index.js";
import { bareName } from "../../../src/formats/torch/names.js";
import { onCpuWithoutLeaks } from "../../support/no-leaks.js";

onCpuWithoutLeaks();

const at = (name: string) => new URL(`../../fixtures/torch/${name}`, import.meta.url);
const read = (name: string) => readTorchCheckpoint(new Uint8Array(readFileSync(at(name)))) as StateDict;
const tensor = (...values: number[]): StoredTensor => ({
  ...{ dtype: "F32", shape: [values.length] },
  data: Float32Array.from(values),
});
/** The entries under other names. */
const renamed = (stateDict: StateDict, rename: (name: string) => string): StateDict =>
  Object.fromEntries(Object.entries(stateDict).map(([name, value]) => [rename(name), value]));

/** torch.compile of every block, and of every layer's norm in a DataParallel of its own. */
const inTheMiddle = (name: string) =>
  name
    .replace(/^(layer\d+\.\d+|downblocks\.\d+|bn1)\./, "$1._orig_mod.")
    .replace(/\.(bn\d|block1)\./, ".$1.module.");
const WRAPPINGS: readonly (readonly [string, (name: string) => string])[] = [
  ["torch.compile", (name) => `_orig_mod.${name}`],
  ["DataParallel", (name) => `module.${name}`],
  ["DataParallel of torch.compile", (name) => `module._orig_mod.${name}`],
  ["torch.compile of DataParallel, twice", (name) => `_orig_mod.module._orig_mod.module.${name}`],
  ["parts alone", inTheMiddle],
  ["parts and the whole", (name) => `module.${inTheMiddle(name)}`],
  ["FSDP and activation checkpoints", (name) => `_fsdp_wrapped_module._checkpoint_wrapped_module.${name}`],
];

describe("the names that wrappers make", () => {
  it.each(["plain.pt", "compiled.pt", "ddp_of_compiled.pt"])("give the same classifier: %s", async (name) => {
    const { x, shape, logits } = expectedLogits();
    const { network, params } = classifierFromTorch(read(name));
    const output = tf.tidy(() => network.apply(params, tf.tensor4d(x, shape)).logits);
    const found = await output.data();
    for (const [i, value] of logits.entries()) expect(found[i]).toBeCloseTo(value, 5);
    disposeParams(params);
    output.dispose();
  });

  it.each(WRAPPINGS)("are passed over: %s", (_, wrap) => {
    const plain = read("plain.pt");
    const { network, params } = classifierFromTorch(renamed(plain, wrap));
    expect(network.config).toMatchObject({ type: "resnet", blocks: [1] });
    disposeParams(params);
    for (const name of Object.keys(plain)) expect(bareName(wrap(name))).toBe(name);
  });

  it.each(WRAPPINGS)("are passed over in a U-Net: %s", async (_, wrap) => {
    const network = unet({
      channels: 4,
      multipliers: [1],
      attention: [],
      blocks: 1,
      timeScale: 8,
      groups: 4,
    });
    const weights = network.init(createRng(0));
    const wrapped = renamed(await unetToTorch(network, weights), wrap);
    const { params } = unetFromTorch({ ...wrapped, n_averaged: tensor(3) }, { groups: 4 });
    for (const [name, variable] of Object.entries(params)) {
      expect(await variable.data(), name).toEqual(await weights[name]!.data());
    }
    disposeParams(params);
    disposeParams(weights);
  });

  it("are passed over by FID's network too, whose error names the entry", () => {
    expect(() => inceptionFromTorch({ "module._orig_mod.fc.bias": tensor(1) })).toThrow(
      /inceptionFromTorch: expected an entry "Conv2d_1a_3x3\.conv\.weight", got fc\.bias/,
    );
    expect(inception().config.type).toBe("inception");
  });

  it("may not make two entries one", () => {
    const plain = read("plain.pt");
    expect(() => classifierFromTorch({ ...plain, "module.fc.bias": plain["fc.bias"]! })).toThrow(
      /classifierFromTorch: expected one entry for "fc\.bias", got "module\.fc\.bias" besides another/,
    );
  });
});

function expectedLogits() {
  const found = JSON.parse(readFileSync(at("expected-logits.json"), "utf8")) as {
    readonly x: number[];
    readonly logits: number[];
  };
  return {
    x: found.x.flat(4),
    logits: found.logits.flat(2),
    shape: [1, 4, 4, 3] as [number, number, number, number],
  };
}

it("a ResNet may name its projections shortcut and its last layer linear, but not both ways", () => {
  const bytes = new Uint8Array(
    readFileSync(new URL("../../fixtures/classifiers/model.pth", import.meta.url)),
  );
  const stateDict = stateDictIn(readTorchCheckpoint(bytes), "classifier");
  const named = renamed(stateDict, (name) =>
    name.replace(".downsample.", ".shortcut.").replace(/^fc\./, "linear."),
  );
  expect(Object.keys(named).filter((name) => /shortcut|linear/.test(name)).length).toBeGreaterThan(3);
  const [theirs, ours] = [named, stateDict].map(classifierFromTorch);
  expect(theirs!.network.config).toEqual(ours!.network.config);
  expect(theirs!.network.config).toMatchObject({ shortcut: "projection" });
  for (const { params } of [theirs!, ours!]) disposeParams(params);
  expect(() => classifierFromTorch({ ...named, ...stateDict })).toThrow(
    /fc or linear, downsample or shortcut, got both/,
  );
});

describe("stateDictIn", () => {
  let resnet: StateDict;
  let authors: StateDict;
  const optimizer = { state: { 0: { momentum_buffer: tensor(1) } }, param_groups: [{ lr: 0.1 }] };

  beforeAll(async () => {
    resnet = read("plain.pt");
    const network = unet({
      channels: 4,
      multipliers: [1],
      attention: [],
      blocks: 1,
      timeScale: 8,
      groups: 4,
    });
    const params = network.init(createRng(0));
    authors = await unetToTorch(network, params);
    disposeParams(params);
  });

  it.each(["model", "net", "model_state_dict", "state_dict", "state_dict_ema", "any other"])(
    "finds it: %s",
    (name) => {
      expect(stateDictIn({ epoch: 3, optimizer, [name]: resnet }, "classifier")).toBe(resnet);
      expect(stateDictIn([{ deeper: { [name]: resnet } }], "classifier")).toBe(resnet);
      expect(stateDictIn({ judge: resnet, [name]: authors }, "unet")).toBe(authors);
    },
  );

  it("takes the whole file, one dict that stands in two places, and the authors' average", () => {
    expect(stateDictIn(resnet, "classifier")).toBe(resnet);
    expect(stateDictIn({ net: resnet, best: resnet }, "classifier")).toBe(resnet);
    const pair = { net_model: { ...authors }, ema_model: authors };
    expect(stateDictIn(pair, "unet")).toBe(authors);
    expect(stateDictIn({ net_model: authors, x_T: tensor(1) }, "unet")).toBe(authors);
  });

  it("asks which of several is meant, and takes the answer", () => {
    const tree = { state_dict: { ...resnet }, state_dict_ema: resnet, optimizer };
    expect(() => stateDictIn(tree, "classifier")).toThrow(
      'stateDictIn: expected one state dict of a classifier: say which, got "state_dict", "state_dict_ema".',
    );
    expect(stateDictIn(tree, "classifier", { name: "state_dict_ema" })).toBe(resnet);
    expect(() => stateDictIn(tree, "classifier", { name: "emma" })).toThrow(
      /a state dict at "emma", got "state_dict", "state_dict_ema", "optimizer\/state\/0"/,
    );
    expect(() => stateDictIn(tree, "unet")).toThrow(/one state dict of a unet: say which/);
  });

  it("gives the only one there is, whose reader says what is missing", () => {
    const tree = { weights: { "fc1.weight": tensor(1) }, epoch: 1 };
    expect(() => classifierFromTorch(stateDictIn(tree, "classifier"))).toThrow(
      /expected a ResNet.*got fc1\.weight/,
    );
    const partly = {
      model: { ...resnet, "fc.bias": new UnreadLeaf("a sparse tensor") },
    } as unknown as TorchValue;
    expect(() => classifierFromTorch(stateDictIn(partly, "classifier"))).toThrow(
      /"fc\.bias": a sparse tensor/,
    );
  });

  it("refuses what has none, and what it does not know", () => {
    expect(() => stateDictIn({ epoch: 1 }, "unet")).toThrow(
      "stateDictIn: expected a state dict of a unet, that is tensors by name, got none.",
    );
    expect(() => stateDictIn({ w: 1 }, "unet", { name: "w" })).toThrow(/a state dict at "w", got none/);
    expect(() => stateDictIn(resnet, "vae" as never)).toThrow(/a kind among unet, classifier, got vae/);
    expect(() => stateDictIn(resnet, "unet", { nam: "" } as never)).toThrow(/expected option name, got nam/);
  });

  it("goes by the same list as inspect", () => {
    const found = networksIn({ net: decodeSafetensors(encodeSafetensors(resnet)), optimizer });
    expect(found.networks).toMatchObject([{ name: "net", reader: "classifierFromTorch" }]);
  });
});

it("the readers' options are held to their names", () => {
  expect(() => unetFromTorch({}, { group: 4 } as never)).toThrow(
    "unetFromTorch: expected option groups, got group.",
  );
  expect(() => inceptionFromTorch({}, { rezise: "pytorch-fid" } as never)).toThrow(
    "inceptionFromTorch: expected option resize, got rezise.",
  );
});
