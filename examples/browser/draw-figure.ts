import { proxy } from "comlink";
import { inMegabytes } from "./fetching.js";
import type { Figure } from "./figure.js";
import { inTime, type Measured } from "./headline.js";
import type { PageModel } from "./models.js";
import { type PlannedFigure, type Starts } from "./plan.js";
import type { Drawn } from "./sampler.js";
import type { SamplerClient } from "./sampler-client.js";
import { messageOf } from "../../tools/words.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");

interface Surroundings {
  readonly starts: Starts;
  /** False as soon as something else is to be drawn. */
  readonly isCurrent: () => boolean;
  /** Draws all again. */
  readonly again: () => void;
  /** Whose file is fetched while this one draws. */
  readonly next: PageModel | undefined;
}

/** Fetches the model's file, and says under the figure how far that is. */
export async function fetchFor({ model }: PlannedFigure, to: Figure): Promise<void> {
  to.caption("Fetching the model …", "waiting");
  await model.bytes((progress) => {
    to.caption(`Fetching the model: ${inMegabytes(progress)}`, "waiting");
  });
}

/** Fetches a model and draws with it; returns what was measured, or nothing after a failure, which the figure tells. */
export async function drawFigure(
  worker: SamplerClient,
  planned: PlannedFigure,
  to: Figure,
  { starts, isCurrent, again, next }: Surroundings,
): Promise<Measured | undefined> {
  const { model, steps } = planned;
  const show = (drawn: Drawn) => {
    const { step } = drawn;
    to.keep(drawn, step);
    if (!still.matches || step === steps) to.show();
    to.caption(`Call ${step} of ${steps}`, "working");
  };
  try {
    await fetchFor(planned, to);
    next?.bytes().catch(() => undefined); // its own figure says so
    to.caption("Starting …", "working");
    const { shape } = await worker.ensure(model);
    to.keep({ pixels: await worker.watch(worker.remote.startOf(model.id, starts.seeds)), shape });
    to.show();
    if (!isCurrent()) return undefined; // a stop that came before the drawing stopped nothing
    const job = { model: model.id, steps, ...starts };
    const { call, calls } = await worker.watch(worker.remote.sample(job, proxy(show)));
    const each = call / starts.seeds.length;
    to.caption(`${inTime(each * steps)} a picture`, "done");
    to.element.title = `A call takes ${inTime(each)} a picture: the median of ${calls}`;
    return { calls: steps, milliseconds: each * steps };
  } catch (problem) {
    if (isCurrent()) to.fail(messageOf(problem), again);
    return undefined;
  }
}
