import { check, checkOptions, fail } from "../check.js";
import { cosineSchedule } from "./cosine.js";
import { flowSchedule } from "./flow.js";
import { linearSchedule } from "./linear.js";
import type { NoiseSchedule, ScheduleConfig } from "./schedule.js";
import { sigmoidSchedule } from "./sigmoid.js";
import { discreteCosineSchedule, tableSchedule } from "./table.js";

type Fields<T> = Readonly<Record<keyof Extract<ScheduleConfig, { readonly type: T }>, true>>;

const FIELDS: { readonly [T in ScheduleConfig["type"]]: Fields<T> } = {
  cosine: { type: true, s: true },
  linear: { type: true, betaMin: true, betaMax: true },
  sigmoid: { type: true, start: true, end: true, tau: true },
  discreteCosine: { type: true, steps: true, s: true, maxBeta: true },
  table: { type: true, alphaBars: true },
  flow: { type: true, shift: true },
};

/**
 * Makes a schedule from its `config`, for instance after a round trip through JSON.
 *
 * @param config the `config` of a schedule
 * @returns a schedule with the same values, bit for bit
 * @throws if the type is unknown, or a field is missing, unknown or out of range
 * @example
 * ```ts
 * import { cosineSchedule, scheduleFromConfig } from "cfd-distill";
 * const again = scheduleFromConfig(JSON.parse(JSON.stringify(cosineSchedule().config)));
 * console.log(again.alphaBar(0.3) === cosineSchedule().alphaBar(0.3)); // true
 * ```
 */
export function scheduleFromConfig(config: ScheduleConfig): NoiseSchedule {
  const where = "scheduleFromConfig";
  check(typeof config === "object" && config !== null, where, "a schedule's config", config);
  const known = typeof config.type === "string" && Object.hasOwn(FIELDS, config.type);
  if (known) checkOptions<object>(where, config, FIELDS[config.type]);
  switch (config.type) {
    case "cosine":
      return cosineSchedule({ s: config.s });
    case "linear":
      return linearSchedule({ betaMin: config.betaMin, betaMax: config.betaMax });
    case "sigmoid":
      return sigmoidSchedule({ start: config.start, end: config.end, tau: config.tau });
    case "discreteCosine":
      return discreteCosineSchedule(config.steps, { s: config.s, maxBeta: config.maxBeta });
    case "table":
      check(isNumbers(config.alphaBars), where, "alphaBars to be an array of numbers", config.alphaBars);
      return tableSchedule(config.alphaBars);
    case "flow":
      return flowSchedule({ shift: config.shift });
    default:
      return unknownType(config);
  }
}

function isNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === "number");
}

function unknownType(config: never): never {
  const { type } = config as { type: unknown };
  return fail("scheduleFromConfig", "type cosine, linear, sigmoid, discreteCosine, table or flow", type);
}
