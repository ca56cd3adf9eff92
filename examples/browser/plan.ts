import type { Job } from "./sampler.js";
import type { Manifest } from "../emoji/manifest.js";
import { nearestModel, type PageModel } from "./models.js";
import type { Term } from "./terms.js";

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

/** Steps to choose from. */
export const STEPS = [1, 2, 4, 8] as const;
/** Numbers of images to choose from. */
export const COUNTS = [1, 4, 9, 16] as const;
export const MOST_SEED = 999_999_999;

/** What the page begins with. */
export const firstWish: Wish = { show: "all", steps: 1, seed: 100, count: 9, kind: -1 };

/** One figure to draw. */
export interface PlannedFigure {
  readonly model: PageModel;
  readonly steps: number;
  readonly title: string;
  readonly note: string;
  /** What explains the title. */
  readonly term?: Term;
}

/** What images start from: a seed and a label each. */
export type Starts = Pick<Job, "seeds" | "labels">;

/** What a student has in common with its teacher. */
const LEARNED_BY = { pd: "student by pixels", cfd: "student by features and pixels" };

/** Beside a student that is asked for more steps than a generator takes. */
const ALL = ", all it was trained for";

/** The figures that the form asks for, in the order in which they are drawn: what the page is about comes first. */
export function plan(
  wish: Wish,
  manifest: Manifest,
  models: ReadonlyMap<string, PageModel>,
): PlannedFigure[] {
  if (wish.show !== "all") {
    const model = models.get(wish.show)!;
    const steps = Math.min(wish.steps, model.steps ?? wish.steps);
    return [{ model, steps, title: model.title, note: `${inCalls(steps)}${steps < wish.steps ? ALL : ""}` }];
  }
  const teacher = nearestModel(manifest.models, "teacher", wish.steps);
  const student = (method: "pd" | "cfd", term: Term): PlannedFigure => {
    const shipped = nearestModel(manifest.models, method, wish.steps);
    const steps = Math.min(wish.steps, shipped.steps);
    const trained =
      steps < wish.steps ? ALL : shipped.steps === steps ? "" : `, trained for ${shipped.steps}`;
    return {
      model: models.get(shipped.id)!,
      steps,
      title: term,
      note: `${LEARNED_BY[method]}, ${inCalls(steps)}${trained}`,
      term,
    };
  };
  const whole = { model: models.get(teacher.id)!, steps: teacher.steps, note: inCalls(teacher.steps) };
  const cut = { ...whole, steps: wish.steps, note: `teacher, hurried to ${inCalls(wish.steps)}` };
  return [
    student("cfd", "CFD"),
    { ...whole, title: "Teacher", term: "Teacher" },
    { ...cut, title: "DDIM", term: "DDIM" },
    student("pd", "PD"),
  ];
}

/** "1 call", "64 calls": of the network, one a step. */
export function inCalls(steps: number): string {
  return steps === 1 ? "1 call" : `${steps} calls`;
}

/** The classes of a model of the visitor's own that has others than the page's, else the page's. */
export function classesOf(
  model: PageModel | undefined,
  { classes }: Pick<Manifest, "classes">,
): readonly string[] {
  return model?.classes ?? classes;
}

/** Seeds and labels of the images, the same for every figure. A mix is spread over the classes. */
export function startsOf(
  { seed, count, kind }: Pick<Wish, "seed" | "count" | "kind">,
  { length }: readonly string[],
): Starts {
  const mixed = (i: number) =>
    length === 0 ? -1 : Math.floor((i * length) / Math.min(count, length)) % length;
  const each = <T>(of: (i: number) => T) => Array.from({ length: count }, (_, i) => of(i));
  return { seeds: each((i) => seed + i), labels: each((i) => (kind < 0 ? mixed(i) : kind)) };
}

/** What each image is called. */
export function namesOf({ seeds, labels }: Starts, classes: readonly string[]): string[] {
  return seeds.map((seed, i) => {
    const kind = classes[labels[i]!];
    return kind === undefined ? `Seed ${seed}` : `${wordsOf(kind)}, seed ${seed}`;
  });
}

/** "Sea animal" of "sea-animal". */
export function wordsOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("-", " ");
}
