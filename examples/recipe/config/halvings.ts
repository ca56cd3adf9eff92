// The halvings that bring a teacher of many steps down to one.
import type { Halving, HalvingBy, TrainingConfig } from "./schema.js";

type Unplaced = "method" | "name" | "teacher" | "studentSteps";

/** How each method trains, wherever it halves. */
export interface Methods {
  readonly pd: Omit<HalvingBy<"pd">, Unplaced>;
  readonly cfd: Omit<HalvingBy<"cfd">, Unplaced>;
}

/** What tables, pictures and bars call a method. */
export function methodName(halving: Halving): string {
  switch (halving.method) {
    case "pd":
      return "PD";
    case "cfd":
      return (halving.pixels ?? 0) > 0 ? "CFD + PD" : "CFD";
    case "consistency":
      return halving.distil ? "Consistency distillation" : "Consistency tuning";
    case "score":
      return { vsd: "VSD", sid: "SiD" }[halving.variant];
  }
}

/** By how much the logSNR of a student's times is lower. */
export function shiftOf(halving: Halving): number | undefined {
  return "shift" in halving ? halving.shift : undefined;
}

/** PD halves from the teacher's steps down to `pdTo`; CFD from PD's student of `cfdFrom` steps down to `cfdTo`. */
export interface Plan extends Methods {
  readonly pdTo: number;
  readonly cfdFrom: number;
  readonly cfdTo: number;
  /** Students of 2 steps and of 1 are trained so many times as long. */
  readonly lastLonger: number;
}

/** The halvings of a teacher of so many steps; CFD starts from the teacher itself where it has few enough. */
export function halvings(teacherSteps: number, plan: Plan): Halving[] {
  const { pd, cfd, pdTo, cfdTo, lastLonger } = plan;
  const longer = (steps: number, { steps: trained }: TrainingConfig) =>
    trained * (steps <= 2 ? lastLonger : 1);
  const cfdFrom = Math.min(plan.cfdFrom, teacherSteps);
  const chain = <M extends "pd" | "cfd">(method: M, first: string, from: number, to: number) => {
    const names: { method: M; name: string; teacher: string; studentSteps: number }[] = [];
    for (let steps = from / 2; steps >= to; steps /= 2) {
      names.push({
        method,
        name: `${method}-${steps}`,
        teacher: names.at(-1)?.name ?? first,
        studentSteps: steps,
      });
    }
    return names;
  };
  const start = cfdFrom === teacherSteps ? "teacher" : `pd-${cfdFrom}`;
  return [
    ...chain("pd", "teacher", teacherSteps, pdTo).map((stage) => ({
      ...stage,
      ...pd,
      steps: longer(stage.studentSteps, pd),
    })),
    ...chain("cfd", start, cfdFrom, cfdTo).map((stage) => ({
      ...stage,
      ...cfd,
      steps: longer(stage.studentSteps, cfd),
    })),
  ];
}

/** The students that ship with the examples: those from which CFD starts, and those of fewer steps. */
export function shippedHalvings(teacherSteps: number, plan: Plan): Halving[] {
  return halvings(teacherSteps, plan).filter(({ studentSteps }) => studentSteps <= plan.cfdFrom);
}
