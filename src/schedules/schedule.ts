/** How to make a schedule again: `scheduleFromConfig(config)`. Plain JSON. */
export type ScheduleConfig =
  | { readonly type: "cosine"; readonly s: number }
  | { readonly type: "linear"; readonly betaMin: number; readonly betaMax: number }
  | { readonly type: "sigmoid"; readonly start: number; readonly end: number; readonly tau: number }
  | { readonly type: "discreteCosine"; readonly steps: number; readonly s: number; readonly maxBeta: number }
  | { readonly type: "table"; readonly alphaBars: readonly number[] };

/** A variance-preserving noise schedule: zt = sqrt(alphaBar(t)) x0 + sqrt(1 - alphaBar(t)) eps, in float64. */
export interface NoiseSchedule {
  readonly config: ScheduleConfig;
  /** The share of signal power left at time t in [0, 1]; 1 is clean. Throws outside [0, 1]. */
  alphaBar(t: number): number;
}
