import type { Job } from "./sampler.js";
import type { Manifest, ShippedModel } from "../emoji/manifest.js";
import { nearestModel } from "./manifest.js";
import type { PageModel } from "./sampler-client.js";
import { inSteps } from "../../tools/words.js";

/** What the form asks for. */
export interface Wish {
  /** A model's id, or "all" for teacher, DDIM, PD and CFD side by side. */
  readonly show: string;
  readonly steps: number;
  readonly seed: number;
  readonly count: number;
  /** A label, or -1 for a mix. */
  readonly kind: number;
}

/** One figure to draw. */
export interface PlannedFigure {
  readonly model: PageModel;
  readonly steps: number;
  readonly title: string;
  readonly note: string;
}

/** What images start from: a seed and a label each. */
export type Starts = Pick<Job, "seeds" | "labels">;

/** Beside a student that is asked for more steps than a generator takes. */
const ALL = ", all it was trained for";

/** The figures that the form asks for. */
export function plan(
  wish: Wish,
  manifest: Manifest,
  models: ReadonlyMap<string, PageModel>,
): PlannedFigure[] {
  const pick = (shipped: ShippedModel, title: string, count: number, note: string): PlannedFigure => ({
    model: models.get(shipped.id)!,
    steps: count,
    title,
    note,
  });
  if (wish.show !== "all") {
    const model = models.get(wish.show)!;
    const shipped = manifest.models.find(({ id }) => id === wish.show);
    const steps = Math.min(wish.steps, shipped?.steps ?? wish.steps);
    const note = `drawn in ${inSteps(steps)}${steps < wish.steps ? ALL : ""}`;
    return [{ model, steps, title: model.title, note }];
  }
  const teacher = nearestModel(manifest.models, "teacher", wish.steps);
  const student = (method: "pd" | "cfd") => {
    const model = nearestModel(manifest.models, method, wish.steps);
    const steps = Math.min(wish.steps, model.steps);
    const trained = steps < wish.steps ? ALL : model.steps === steps ? "" : `, trained for ${model.steps}`;
    return pick(model, method.toUpperCase(), steps, `student, ${inSteps(steps)}${trained}`);
  };
  return [
    pick(teacher, "Teacher", teacher.steps, `DDIM, all its ${inSteps(teacher.steps)}`),
    pick(teacher, "DDIM", wish.steps, `teacher, cut to ${inSteps(wish.steps)}`),
    student("pd"),
    student("cfd"),
  ];
}

/** Seeds and labels of the images, the same for every figure. A mix is spread over the classes that are to be shown. */
export function startsOf(
  { seed, count, kind }: Pick<Wish, "seed" | "count" | "kind">,
  { classes, shown }: Manifest,
): Starts {
  const mix = (shown.length > 0 ? shown : classes).map((name) => classes.indexOf(name));
  const mixed = (i: number) => mix[Math.floor((i * mix.length) / Math.min(count, mix.length)) % mix.length]!;
  const each = <T>(of: (i: number) => T) => Array.from({ length: count }, (_, i) => of(i));
  return { seeds: each((i) => seed + i), labels: each((i) => (kind < 0 ? mixed(i) : kind)) };
}

/** What each image is called. */
export function namesOf({ seeds, labels }: Starts, { classes }: Manifest): string[] {
  return seeds.map((seed, i) => `${classes[labels[i]!]!}, seed ${seed}`);
}

/** The name of a shipped model. */
export function titleOf({ method, steps: count }: ShippedModel): string {
  return method === "teacher"
    ? `Teacher, trained for ${inSteps(count)}`
    : `${method.toUpperCase()} student, trained for ${inSteps(count)}`;
}
