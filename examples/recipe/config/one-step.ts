// The ways to a student of one step, as stages of one run: from one teacher, at equal time.
import { chain } from "./ablation.js";
import type { Methods } from "./halvings.js";
import type { Halving, HalvingBy } from "./schema.js";

/** What a training step costs, in steps of PD's, measured (docs/recipe.md): each arm has the fewer steps, or the more. */
const COST = { cfd: 1.1, cfdAndPd: 1.1, distillation: 1, tuning: 0.8, vsd: 1.8, sid: 2.7 };

/** CFD begins with PD's student of so many steps, as in the paper; PD's time until there counts for both. */
const CFD_FROM = 8;

type AtOnce<M extends "consistency" | "score"> = Omit<
  HalvingBy<M>,
  "name" | "label" | "seed" | "teacher" | "studentSteps" | "steps" | "batch" | "microBatches"
> & { readonly arm: string; readonly cost: number };

/** Rates are of the size that papers take, and not tuned here. */
const AT_ONCE: readonly (AtOnce<"consistency"> | AtOnce<"score">)[] = [
  {
    arm: "Consistency distillation",
    cost: COST.distillation,
    method: "consistency",
    distil: true,
    rate: 1e-4,
  },
  { arm: "Consistency tuning", cost: COST.tuning, method: "consistency", distil: false, rate: 1e-4 },
  { arm: "VSD", cost: COST.vsd, method: "score", variant: "vsd", rate: 5e-5 },
  { arm: "SiD", cost: COST.sid, method: "score", variant: "sid", rate: 5e-5 },
];

/** Every arm, once for each seed, each in the time of PD's halvings from the teacher down to one step. */
export function oneStepVariants(methods: Methods, teacherSteps: number, seeds: number): Halving[] {
  return Array.from({ length: seeds }, (_, seed) => armsOf(methods, teacherSteps, seed)).flat();
}

function armsOf({ pd, cfd }: Methods, teacherSteps: number, seed: number): Halving[] {
  const labelled = (arm: string) => ({ seed, label: `${arm}, seed ${seed}` });
  const byPd = chain({ ...pd, ...labelled("PD") }, "teacher", teacherSteps);
  const start = byPd.find(({ studentSteps }) => studentSteps === CFD_FROM)!.name;
  const inTime = (steps: number, cost: number) => Math.round(steps / cost);
  const byCfd = [
    { ...cfd, ...labelled("CFD"), steps: inTime(pd.steps, COST.cfd) },
    { ...cfd, ...labelled("CFD + PD"), pixels: 1, steps: inTime(pd.steps, COST.cfdAndPd) },
  ];
  const { batch, microBatches } = pd;
  const atOnce = AT_ONCE.map(({ arm, cost, ...choice }): Halving => ({
    ...{ ...choice, ...labelled(arm), batch, microBatches, steps: inTime(byPd.length * pd.steps, cost) },
    ...{
      name: `${arm.toLowerCase().replaceAll(" ", "-")}-seed-${seed}`,
      teacher: "teacher",
      studentSteps: 1,
    },
  }));
  return [...byPd, ...byCfd.flatMap((choice) => chain(choice, start, CFD_FROM)), ...atOnce];
}
