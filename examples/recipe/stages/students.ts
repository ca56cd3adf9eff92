// Students, ready to be trained by each method.
import { cloneParams, disposeParams, drawTimes } from "cfd-distill";
import type { Halving, HalvingBy } from "../config/schema.js";
import { denoiserOf, loadClassifier, loadModel, type Model } from "../models/models.js";
import { shiftedDenoiser, shiftedSchedule } from "../models/shift.js";
import type { Setup } from "../storage/setup.js";
import { featureTerms, pixelTerms } from "./losses.js";
import { consistencyTerms, scoreLesson } from "./one-step.js";
import { draw, type Lesson, type Pair, type Terms } from "./terms.js";

/** A student whose weights begin as its teacher's, with its lesson. */
export interface OpenStudent extends Lesson {
  readonly student: Model;
  /** Frees the student and all that teach it. */
  readonly dispose: () => void;
}

export async function openStudent(setup: Setup, halving: Halving): Promise<OpenStudent> {
  const teacher = await loadModel(setup, halving.teacher);
  const student = { ...teacher, params: cloneParams(teacher.params), steps: halving.studentSteps };
  const lesson = await lessonOf(setup, halving, { teacher, student });
  const { critic, read = [] } = lesson;
  const dispose = () => {
    [student.params, teacher.params, ...(critic ? [critic.params] : []), ...read].forEach(disposeParams);
  };
  return { ...lesson, student, dispose };
}

async function lessonOf(setup: Setup, halving: Halving, pair: Pair): Promise<Lesson> {
  switch (halving.method) {
    case "pd":
    case "cfd":
      return halvingLesson(setup, halving, pair);
    case "consistency":
      return { terms: consistencyTerms(setup, halving, pair) };
    case "score":
      return scoreLesson(setup, halving, pair);
  }
}

async function halvingLesson(
  setup: Setup,
  halving: HalvingBy<"pd" | "cfd">,
  { teacher, student }: Pair,
): Promise<Lesson> {
  const { studentSteps, shift } = halving;
  const { recompute } = setup.config;
  const judge = halving.method === "cfd" ? await loadClassifier(setup, halving.layers) : undefined;
  const models = {
    student: shiftedDenoiser(denoiserOf(student, student.params, { recompute }), shift),
    teacher: shiftedDenoiser(denoiserOf(teacher, teacher.params), shift),
    schedule: shiftedSchedule(teacher.schedule, shift),
  };
  const terms: Terms = (rng, rows) => {
    const times = drawTimes(rng, rows.batch, studentSteps).slice(rows.from, rows.to);
    const batch = { ...models, ...draw(setup, rng, rows), times, studentSteps };
    if (halving.method === "pd") return pixelTerms(batch, halving);
    return featureTerms(batch, judge!.model, halving);
  };
  return { terms, read: judge ? [judge.params] : [] };
}
