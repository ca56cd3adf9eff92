// The students that go out: a trained one, and one of the paper's size.
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { loadCheckpoint } from "cfd-distill/node";
import {
  createRng,
  discreteCosineSchedule,
  unet,
  type Clip,
  type NoiseSchedule,
  type Params,
  type PredictionType,
  type Unet,
} from "../../src/index.js";
import { values } from "../conformance/values.js";

export interface Student {
  readonly network: Unet;
  readonly params: Params;
  readonly schedule: NoiseSchedule;
  readonly predictionType: PredictionType;
  readonly clip: Clip;
  readonly steps: number;
  /** Height and width of its images. */
  readonly size: number;
}

const TRAINED = "../../examples/assets/models/cfd-2.safetensors";

/** The demo's student, with classes. */
async function trained(): Promise<Student> {
  const checkpoint = await loadCheckpoint(fileURLToPath(new URL(TRAINED, import.meta.url)));
  return { ...checkpoint, size: checkpoint.imageShape![0] };
}

/** The paper's network, with weights of which none is zero. */
function paperSized(): Student {
  const shape = { channels: 128, multipliers: [1, 2, 2, 2], attention: [1], blocks: 2, timeScale: 1024 };
  const network = unet(shape);
  const params = network.init(createRng(0));
  for (const [name, variable] of Object.entries(params)) {
    const small = variable.rank > 1 ? Math.sqrt(3 / (variable.size / variable.shape.at(-1)!)) : 0.1;
    const offset = variable.rank === 1 && name.endsWith("weight") ? 1 : 0;
    tf.tidy(() => {
      variable.assign(tf.tensor(values(name, variable.shape, small, offset), variable.shape));
    });
  }
  const schedule = discreteCosineSchedule(1024);
  return { network, params, schedule, predictionType: "x0", clip: true, steps: 1, size: 32 };
}

export const STUDENTS: readonly (readonly [string, () => Promise<Student>])[] = [
  ["a trained student with classes", trained],
  ["a network of the paper's size", () => Promise.resolve(paperSized())],
];
