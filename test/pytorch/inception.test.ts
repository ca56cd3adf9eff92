import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { classifier, disposeParams, inception, noise } from "../../src/index.js";
import { inceptionFromTorch, readTorchCheckpoint, type StateDict } from "../../src/formats/index.js";
import { onWasmWithoutLeaks } from "../support/no-leaks.js";
import { channelsFirst, inFolder, readTensors, report, writeTensors } from "./exchange.js";
import { python } from "./python.js";

onWasmWithoutLeaks();

it("FID's Inception network with random weights gives PyTorch's features and logits, with either resize", async () => {
  const images = tf.tidy(() => tf.tanh<tf.Tensor4D>(noise([1], [40, 32, 3])));
  await inFolder(async (path) => {
    await writeTensors(path("images.safetensors"), { images: await channelsFirst(images) });
    await python("inception_network.py", path(""));
    const stateDict = readTorchCheckpoint(await readFile(path("inception.pth"))) as StateDict;
    const { params } = inceptionFromTorch(stateDict);
    const expected = await readTensors(path("inception.safetensors"));
    for (const resize of ["pytorch-fid", "torch-fidelity"] as const) {
      const found = classifier(inception({ resize }), params)(images);
      for (const part of ["features", "logits"] as const) {
        const [ours, theirs] = [
          await found[part].data(),
          expected[`${resize}.${part}`]!.data as Float32Array,
        ];
        expect(ours.length).toBe(theirs.length);
        const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const apart = theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i]!)), 0);
        report(`inception, ${part}, resized as ${resize}`, apart / largest, 1e-5);
      }
      tf.dispose(found);
    }
    disposeParams(params);
  });
  images.dispose();
});
