import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, it } from "vitest";
import { imageSet } from "../../src/data/index.js";
import {
  cosineSchedule,
  createRng,
  disposeParams,
  encodeCheckpoint,
  unet,
  useBackend,
} from "../../src/index.js";
import { denoisingErrors } from "../../tools/denoising-errors.js";

beforeAll(() => useBackend("cpu"));

const network = unet({
  channels: 8,
  multipliers: [1],
  attention: [],
  blocks: 1,
  timeScale: 8,
  groups: 4,
  classes: 1,
});
const pictures = imageSet({
  images: Float32Array.from({ length: 3 * 48 }, (_, i) => [1, -1, 0.5][Math.floor(i / 48)]!),
  labels: [0, 0, 0],
  classes: ["one"],
  shape: [4, 4, 3],
});

it("is the pictures' own root mean square for a model that says 0, of as many as are asked for", async () => {
  const before = tf.memory().numTensors;
  const params = network.init(createRng(1)); // its last weights are 0
  const nothing = { network, params, schedule: cosineSchedule(), predictionType: "x0", steps: 2 } as const;
  const bytes = await encodeCheckpoint({ ...nothing, imageShape: [4, 4, 3] });
  disposeParams(params);
  const [little, much] = await denoisingErrors(bytes, pictures, { times: [0.1, 1] });
  expect(little).toBeCloseTo(Math.sqrt(2.25 / 3), 5);
  expect(much).toBeCloseTo(Math.sqrt(2.25 / 3), 5);
  const [ofTwo] = await denoisingErrors(bytes, pictures, { times: [0.1], atMost: 2 });
  expect(ofTwo).toBeCloseTo(1, 5);
  expect(tf.memory().numTensors).toBe(before);
});

it("is that of v's x0, which knows the picture where there is no noise", async () => {
  const params = network.init(createRng(1));
  const model = { network, params, schedule: cosineSchedule(), predictionType: "v", steps: 2 } as const;
  const bytes = await encodeCheckpoint({ ...model, imageShape: [4, 4, 3] });
  disposeParams(params);
  // v = 0: x0 = alpha z = alpha^2 x0 + alpha sigma eps
  const [little, much] = await denoisingErrors(bytes, pictures, { times: [0.01, 1] });
  expect(little).toBeLessThan(0.05);
  expect(much).toBeCloseTo(Math.sqrt(2.25 / 3), 2);
});
