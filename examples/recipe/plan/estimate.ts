// What a run will cost, said before it starts: time from steps that are tried, disk from the number of weights.
import * as tf from "@tensorflow/tfjs";
import {
  createRng,
  denoisingLoss,
  disposeParams,
  noise,
  valueAndGrads,
  type BackendReport,
  type LossTerms,
  type Params,
} from "cfd-distill";
import { checkRoom, megabytes, needed, roomOf } from "./disk.js";
import type { Halving, RecipeConfig } from "../config/schema.js";
import { nameOf } from "./engine.js";
import { readClassifier, readModel } from "../models/import.js";
import {
  classifierOf,
  denoiserOf,
  teacherOf,
  type ClassifierModel,
  type Description,
} from "../models/models.js";
import type { PlannedStage } from "./stages.js";
import { textTable, wrapped } from "../../../tools/text-table.js";
import { duration } from "../../../tools/words.js";
import type { Setup } from "../storage/setup.js";

const TIMES =
  "Times are those of tried steps of a few images; of a student it is told from the teacher's and the classifier's. " +
  "Samples and measurements take theirs on top.";

/** The plan of a run as text: its stages with their steps, time and checkpoints. */
export async function planOf(
  setup: Setup,
  stages: readonly PlannedStage[],
  engine: BackendReport,
): Promise<string> {
  const seconds = await secondsPerImage(setup);
  const sizes = await checkpointBytes(setup);
  const rows = stages.map((stage) => {
    const { name, training } = stage;
    const room = sizes(stage) > 0 ? megabytes(sizes(stage)) : "";
    if (!training) return [name, "", "", room];
    const { steps, batch } = training;
    const time = steps * batch * costOf(stage, setup.config, seconds);
    return [name, `${steps} steps of ${batch}`, `about ${duration(time)}`, room];
  });
  const table = textTable(rows, { left: 4, width: 78 });
  return [
    ...wrapped(`Engine ${nameOf(engine)}, results in ${setup.out}/`),
    ...table.split("\n").map((line) => `  ${line}`),
    ...wrapped(`Disk, still to be written, at most: ${needed(roomOf(setup, stages, sizes)).text}.`),
    ...wrapped(TIMES),
  ].join("\n");
}

/** Refuses to start where what the stages still have to write would not fit into `free` bytes. */
export async function checkDisk(setup: Setup, stages: readonly PlannedStage[], free: number): Promise<void> {
  checkRoom(setup.out, roomOf(setup, stages, await checkpointBytes(setup)), free);
}

/** Bytes of a stage's checkpoint: weights, the average where there is one, the optimiser's moments, a critic's likewise. */
async function checkpointBytes(setup: Setup): Promise<(stage: PlannedStage) => number> {
  const count = ({ params }: { readonly params: Params }) => {
    const sum = Object.values(params).reduce((before, { size }) => before + size, 0);
    disposeParams(params);
    return sum;
  };
  const weights = {
    diffusion: count(await anyTeacher(setup)),
    classifier: count(await anyClassifier(setup)),
  };
  const { files, halvings } = setup.config;
  return ({ name, group, training }) => {
    const isFile = Object.hasOwn(files, name);
    if (!training && !isFile) return 0;
    const averaged = name === "teacher" || halvings.find((one) => one.name === name)?.emaDecay !== undefined;
    const criticToo = group === "score" ? 2 : 1;
    const [one, moments] = group === "classifier" ? [weights.classifier, 1] : [weights.diffusion, 2];
    return 4 * one * (isFile ? 1 : criticToo * (1 + moments) + Number(averaged));
  };
}

/** The run's teacher: from its file, or of random weights. */
async function anyTeacher(setup: Setup): Promise<Description & { readonly params: Params }> {
  const file = setup.config.files.teacher;
  if (file) return readModel(file);
  const teacher = teacherOf(setup);
  return { ...teacher, params: teacher.network.init(createRng(0)) };
}

async function anyClassifier(setup: Setup): Promise<ClassifierModel> {
  const file = setup.config.files.classifier;
  if (file) return readClassifier(file.path);
  const network = classifierOf(setup);
  return { network, params: network.init(createRng(0)) };
}

interface Seconds {
  readonly teacher: number;
  readonly classifier: number;
}

/** Of a training step for one image: of teacher and classifier it was tried, of a student it follows from theirs. */
function costOf({ name, group }: PlannedStage, { halvings }: RecipeConfig, seconds: Seconds): number {
  const { teacher, classifier } = seconds;
  if (group === "classifier") return classifier;
  if (group === "teacher") return teacher;
  const student = halvings.find((one) => one.name === name)!;
  return (passesOf(student) / 3) * teacher + (group === "cfd" ? (4 / 3) * classifier : 0);
}

/**
 * Passes through the U-Net for one image of a student's step. Trained, it costs three, as a backward pass costs about two
 * forward passes; frozen, with a gradient of its input, as many. CFD adds the classifier's four, one of them the teacher's
 * images'.
 */
function passesOf(student: Halving): number {
  switch (student.method) {
    case "pd":
    case "cfd":
      return 3 + 2; // the teacher's two steps
    case "consistency":
      return 3 + 1 + Number(student.distil); // itself at the earlier time, and the teacher's step there
    case "score":
      return 3 + 1 + 3 + 2 * (student.variant === "vsd" ? 1 : 3); // with the critic's lesson and its images; two judges
  }
}

/** Images of a tried step. */
const TRIED = 4;

async function secondsPerImage(setup: Setup): Promise<Seconds> {
  const x0 = noise([1, 2, 3, 4], setup.data.train.shape);
  const teacher = await anyTeacher(setup);
  const denoiser = denoiserOf(teacher, teacher.params);
  const batch = { x0, eps: x0, times: [0.2, 0.4, 0.6, 0.8], labels: [0, 0, 0, 0] };
  const loss = () => denoisingLoss({ denoiser, schedule: teacher.schedule, ...batch });
  const { network, params } = await anyClassifier(setup);
  const logits = (): LossTerms => ({ loss: network.apply(params, x0).logits.sum().asScalar() });
  const seconds = {
    teacher: await tryStep(loss, teacher.params),
    classifier: await tryStep(logits, params),
  };
  x0.dispose();
  disposeParams(teacher.params);
  disposeParams(params);
  return seconds;
}

/** Steps are tried twice at least, as the first warms up, and as often as fit into this many milliseconds. */
const TRYING = 1000;

/** Seconds of a training step, for each of its images: of those that are tried the shortest, as early ones wait for the compiler. */
async function tryStep(loss: () => LossTerms, params: Params): Promise<number> {
  const began = performance.now();
  let shortest = Infinity;
  for (let i = 0; i < 2 || performance.now() < began + TRYING; i++) {
    const started = performance.now();
    const { terms, grads } = valueAndGrads(loss, params);
    await terms.loss.data();
    shortest = Math.min(shortest, performance.now() - started);
    tf.dispose([terms, grads]);
  }
  return shortest / 1000 / TRIED;
}
