// The page's point, in figures of this visitor's browser.
import { byId } from "./dom.js";
import { inCalls, type PlannedFigure } from "./plan.js";

/** Of a figure that is drawn: how many calls a picture takes, and how many milliseconds. */
export interface Measured {
  readonly calls: number;
  readonly milliseconds: number;
}

/** Says how many calls the planned figures take, before they are drawn. */
export function announce(planned: readonly PlannedFigure[]): void {
  const teacher = planned.find(({ title }) => title === "Teacher");
  const calls = planned[0]!.steps;
  byId("headline", HTMLElement).textContent =
    teacher === undefined ? `${inCalls(calls)} a picture` : `${inCalls(calls)} instead of ${teacher.steps}`;
  byId("race", HTMLElement).hidden = teacher === undefined;
  byId("race-student-calls", HTMLElement).textContent = inCalls(calls);
  byId("race-teacher-calls", HTMLElement).textContent = inCalls(teacher?.steps ?? 0);
  showTimes({ isOver: false });
}

/** What was measured of the first student and of the teacher. */
export interface Times {
  readonly student?: Measured | undefined;
  readonly teacher?: Measured | undefined;
  /** Nothing more is to come. */
  readonly isOver: boolean;
}

/** Shorter bars could not be seen. */
const LEAST = 0.012;

/** Shows what was measured so far. */
export function showTimes({ student, teacher, isOver }: Times): void {
  const longest = Math.max(student?.milliseconds ?? 0, teacher?.milliseconds ?? 0);
  for (const [name, measured] of Object.entries({ student, teacher })) {
    byId(`race-${name}-time`, HTMLElement).textContent = measured ? inTime(measured.milliseconds) : "…";
    const part = measured && teacher ? Math.max(measured.milliseconds / longest, LEAST) : 0;
    byId(`race-${name}-bar`, HTMLElement).style.setProperty("--part", String(part));
  }
  const isKnown = student !== undefined && teacher !== undefined;
  byId("race-factor", HTMLElement).textContent = isKnown
    ? `${inFactor(teacher.milliseconds / student.milliseconds)} faster`
    : isOver
      ? "Not compared"
      : "Measuring …";
}

/** "4.1 ms", "258 ms", "1.3 s". */
export function inTime(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

const inFactor = (factor: number) => `${factor.toFixed(factor < 10 ? 1 : 0)}×`;
