import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { it } from "vitest";
import { classifier, disposeParams, noise } from "../../src/index.js";
import { classifierFromTorch, readTorchCheckpoint, type StateDict } from "../../src/formats/index.js";
import { differenceOf } from "../support/difference.js";
import { onWasmWithoutLeaks } from "../support/no-leaks.js";
import { REAL_CLASSIFIERS, realClassifier } from "../support/real-classifiers.js";
import { channelsFirst, inFolder, readTensors, report, writeTensors } from "./exchange.js";
import { python } from "./python.js";

onWasmWithoutLeaks();

const SCALING = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const there = REAL_CLASSIFIERS.every(({ file }) => existsSync(realClassifier(file)));
if (!there) console.warn("!!! SKIPPED: the real classifiers, because ../shared/models is not there");

it.skipIf(!there)("public classifiers judge as in PyTorch", async () => {
  const images = tf.tidy(() => tf.tanh<tf.Tensor4D>(noise([1, 2, 3, 4], [32, 32, 3])));
  await inFolder(async (path) => {
    await writeTensors(path("images.safetensors"), { images: await channelsFirst(images) });
    const files = REAL_CLASSIFIERS.flatMap(({ file, blocks }) => [realClassifier(file), String(blocks[0])]);
    await python("real_classifiers.py", path(""), ...files);
    for (const { file } of REAL_CLASSIFIERS) {
      const tree = readTorchCheckpoint(await readFile(realClassifier(file))) as { state_dict: StateDict };
      const { network, params } = classifierFromTorch(tree.state_dict);
      const found = classifier(network, params, SCALING)(images);
      const expected = await readTensors(path(`${file}.safetensors`));
      for (const part of ["logits", "features"] as const) {
        const data = await found[part].data<"float32">();
        const ours = { dtype: "F32", shape: found[part].shape, data } as const;
        report(`classifierFromTorch, ${part} of ${file}`, differenceOf(ours, expected[part]), 1e-5);
      }
      tf.dispose(found);
      disposeParams(params);
    }
  });
  images.dispose();
});
