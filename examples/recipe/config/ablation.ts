// The variants of an ablation: halvings of one teacher that differ in one thing, as stages of one run.
import type { Halving } from "./schema.js";
import type { Methods } from "./halvings.js";

type Choice = Methods["pd"] | Methods["cfd"];

const TEMPERATURES = [1, 0.95, 0.9, 0.5];
/** The weight of the dataset-oriented loss that the paper takes with ResNet-18. */
const BETA = 0.003;
/** Where chains begin. */
const FROM = 8;

/** What is compared: the paper's choices; beyond them averaged students, both losses, two layers, consistency. */
function choices({ pd, cfd }: Methods): Choice[] {
  const temperatures = TEMPERATURES.flatMap((temperature) => [
    { ...cfd, temperature, beta: 0, label: `CFD ${temperature}` },
    { ...cfd, temperature, beta: BETA, label: `CFD ${temperature}, beta ${BETA}` },
  ]);
  return [
    { ...pd, label: "PD" },
    { ...pd, emaDecay: 0.99, label: "PD, averaged" },
    { ...pd, consistency: true, label: "Consistency" },
    ...temperatures,
    { ...cfd, emaDecay: 0.99, label: `CFD ${cfd.temperature}, averaged` },
    { ...cfd, pixels: 1, label: `CFD ${cfd.temperature} + PD` },
    { ...cfd, layers: 2, label: `CFD ${cfd.temperature}, two layers` },
  ];
}

/** One more halving by each method, from the students of two steps to one. */
export function liveHalvings({ pd, cfd }: Methods): Halving[] {
  return [
    { ...pd, method: "pd", name: "pd-live", teacher: "pd-2", studentSteps: 1 },
    { ...cfd, method: "cfd", name: "cfd-live", teacher: "cfd-2", studentSteps: 1 },
  ];
}

/** Every variant's halving from PD's student of two steps to one, all from the same batches and noise. */
export function screeningVariants(methods: Methods): Halving[] {
  return choices(methods).map((choice) => placed({ ...choice, seed: 0 }, "pd-2", 1));
}

/** Chains from PD's student of eight steps down to one, for these variants or all, once for each seed. */
export function confirmingVariants(methods: Methods, seeds: number, labels?: readonly string[]): Halving[] {
  return chosen(methods, labels).flatMap((choice) => chains(choice, seeds, "pd-8"));
}

/**
 * What one halving to one step cannot show, in chains, once: how errors add up, with PD's loss beside CFD's and without;
 * and what acts only where a student has several times, the weight of each and which they are.
 */
export function chainVariants(methods: Methods, teacherSteps: number): Halving[] {
  const { pd, cfd } = methods;
  const labels = ["PD", `CFD ${cfd.temperature}`, `CFD ${cfd.temperature} + PD`];
  const weighted = { ...pd, seed: 0, weighting: "snrPlusOne", label: "PD, SNR + 1" } as const;
  const shifted = { ...noisier({ ...pd, label: "PD" }), seed: 0 };
  return [
    ...chosen(methods, labels).flatMap((choice) => chain({ ...choice, seed: 0 }, `pd-${FROM}`, FROM)),
    ...chain(weighted, `pd-${FROM}`, FROM),
    ...chain(shifted, "teacher", teacherSteps), // from the first halving on, as each asks its teacher at its own times
  ];
}

/**
 * The arms that lead in the other experiments, in chains once for each seed; and those that match pixels once more with
 * twice the noise, from students that PD brought down to eight steps so.
 */
export function thirtyVariants(methods: Methods, teacherSteps: number, seeds: number): Halving[] {
  const { temperature } = methods.cfd;
  const [pd, cfd, both] = chosen(methods, [
    "PD",
    `CFD ${temperature}, beta ${BETA}`,
    `CFD ${temperature} + PD`,
  ]);
  const start = chain({ ...noisier(pd!), seed: 0 }, "teacher", teacherSteps, FROM);
  return [
    ...[pd!, cfd!, both!].flatMap((choice) => chains(choice, seeds, `pd-${FROM}`)),
    ...start,
    ...[pd!, both!].flatMap((choice) => chains(noisier(choice), seeds, start.at(-1)!.name)),
  ];
}

/** The choices of these labels, or all. */
function chosen(methods: Methods, labels?: readonly string[]): Choice[] {
  return choices(methods).filter(({ label }) => labels?.includes(label!) ?? true);
}

/** The same at times whose logSNR is that of half the signal in the same noise. */
function noisier(choice: Choice): Choice {
  return { ...choice, shift: Math.log(4), label: `${choice.label!}, twice the noise` };
}

/** A chain for each seed, from a student of eight steps. */
function chains(choice: Choice, seeds: number, from: string): Halving[] {
  return Array.from({ length: seeds }, (_, seed) =>
    chain({ ...choice, seed, label: `${choice.label!}, seed ${seed}` }, from, FROM),
  ).flat();
}

/** Halvings from a stage of so many steps down to so many. */
export function chain(choice: Choice, from: string, fromSteps: number, toSteps = 1): Halving[] {
  const made: Halving[] = [];
  for (let steps = fromSteps / 2; steps >= toSteps; steps /= 2) {
    made.push(placed(choice, made.at(-1)?.name ?? from, steps));
  }
  return made;
}

function placed(choice: Choice, teacher: string, studentSteps: number): Halving {
  const name = `${choice.label!.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-")}-to-${studentSteps}`;
  const stage = { name, teacher, studentSteps };
  return "temperature" in choice
    ? { ...choice, ...stage, method: "cfd" }
    : { ...choice, ...stage, method: "pd" };
}
