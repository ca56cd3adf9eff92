// The arms of an experiment: halvings of one teacher that differ in one thing, as stages of one run.
import type { Halving } from "./config.js";
import type { Methods } from "./halvings.js";

const TEMPERATURES = [1, 0.95, 0.9, 0.5];
/** The weight of the dataset-oriented loss that the paper takes with ResNet-18. */
const BETA = 0.003;

/** What is compared: the paper's choices, and beyond it PD's loss beside CFD's and averaged students. */
function choices({ pd, cfd }: Methods): (Methods["pd"] | Methods["cfd"])[] {
  const temperatures = TEMPERATURES.flatMap((temperature) => [
    { ...cfd, temperature, beta: 0, label: `CFD ${temperature}` },
    { ...cfd, temperature, beta: BETA, label: `CFD ${temperature}, beta ${BETA}` },
  ]);
  return [
    { ...pd, label: "PD" },
    { ...pd, emaDecay: 0.99, label: "PD, averaged" },
    ...temperatures,
    { ...cfd, emaDecay: 0.99, label: `CFD ${cfd.temperature}, averaged` },
    { ...cfd, pixels: 1, label: `CFD ${cfd.temperature} + PD` },
  ];
}

/** Every arm's halving from PD's student of two steps to one. */
export function screeningArms(methods: Methods): Halving[] {
  return choices(methods).map((choice) => placed(choice, "pd-2", 1));
}

/**
 * Whole chains from PD's student of eight steps down to one, for some of the arms, once for each seed: what is random
 * in a stage follows from its name.
 */
export function confirmingArms(methods: Methods, labels: readonly string[], seeds: number): Halving[] {
  const chosen = choices(methods).filter(({ label }) => labels.includes(label!));
  return chosen.flatMap((choice) =>
    Array.from({ length: seeds }, (_, seed) => {
      const chain: Halving[] = [];
      for (const steps of [4, 2, 1]) {
        const seeded = { ...choice, label: `${choice.label!}, seed ${seed}` };
        chain.push(placed(seeded, chain.at(-1)?.name ?? "pd-8", steps));
      }
      return chain;
    }).flat(),
  );
}

function placed(choice: Methods["pd"] | Methods["cfd"], teacher: string, studentSteps: number): Halving {
  const name = `${choice.label!.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-")}-to-${studentSteps}`;
  const place = { name, teacher, studentSteps };
  return "temperature" in choice
    ? { ...choice, ...place, method: "cfd" }
    : { ...choice, ...place, method: "pd" };
}
