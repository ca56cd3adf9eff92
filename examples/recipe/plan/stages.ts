// The stages of a run, in their order, and which of them are asked for.
import { existsSync } from "node:fs";
import type { RecipeConfig, TrainingConfig } from "../config/schema.js";
import { importNetwork } from "../models/import.js";
import { disposeCheckpoint, loadStage } from "../storage/checkpoints.js";
import { didYouMean } from "../../../tools/did-you-mean.js";
import { evaluate, present } from "../report/report.js";
import { drawSamples } from "../measure/sampling.js";
import type { Run } from "../storage/run.js";
import { halve, trainClassifier, trainTeacher } from "../stages/networks.js";
import { checkpointPath, type Setup } from "../storage/setup.js";

/** One stage: it goes on where it was interrupted, and does nothing where it is finished. */
export interface PlannedStage {
  readonly name: string;
  /** "pd" and "cfd" stand for all their halvings. */
  readonly group: string;
  /** What is trained; undefined for the stages that train nothing. */
  readonly training?: TrainingConfig;
  /** The stages whose networks it needs. */
  readonly needs: readonly string[];
  run(run: Run): Promise<void>;
}

/** All stages of a config. */
export function stagesOf(config: RecipeConfig): PlannedStage[] {
  const { base, classifier, halvings } = config;
  const networks: PlannedStage[] = [
    { name: "teacher", group: "teacher", training: base, needs: [], run: trainTeacher },
    { name: "classifier", group: "classifier", training: classifier, needs: [], run: trainClassifier },
    ...halvings.map((halving) => ({
      name: halving.name,
      group: halving.method,
      training: halving,
      needs: halving.method === "cfd" ? [halving.teacher, "classifier"] : [halving.teacher],
      run: (run: Run) => halve(run, halving),
    })),
  ];
  // Files come first: what is wrong with them should show before hours of training.
  const isFile = ({ name }: PlannedStage) => config.files[name] !== undefined;
  return [
    ...networks.filter(isFile).map((stage) => fromFile(config, stage)),
    ...networks.filter((stage) => !isFile(stage)),
    { name: "samples", group: "samples", needs: ["teacher"], run: drawSamples },
    { name: "evaluate", group: "evaluate", needs: ["teacher", "classifier"], run: evaluate },
    { name: "picture", group: "picture", needs: ["teacher"], run: present },
  ];
}

/** A stage whose network is in a file trains nothing and needs nobody. */
function fromFile({ files }: RecipeConfig, stage: PlannedStage): PlannedStage {
  const { name, group } = stage;
  return { name, group, needs: [], run: (run) => importNetwork(run, name, files[name]!) };
}

/** The stages of these names or groups, in the run's order; all of them for undefined. */
export function chooseStages(config: RecipeConfig, names: readonly string[] | undefined): PlannedStage[] {
  const stages = stagesOf(config);
  if (!names) return stages;
  const known = [...new Set(stages.flatMap(({ name, group }) => [name, group]))];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(
      `--stages: expected names among ${known.join(", ")}, got ${unknown}${didYouMean(unknown, known)}.`,
    );
  }
  return stages.filter(({ name, group }) => names.includes(name) || names.includes(group));
}

/** Refuses a stage whose teacher or classifier is not there, or not finished. */
export async function checkNeeds(setup: Setup, { name, needs }: PlannedStage): Promise<void> {
  for (const need of needs) {
    const path = checkpointPath(setup, need);
    if (!existsSync(path)) throw new Error(`${name} needs the stage ${need} first: ${path} is not there.`);
    const { training } = stagesOf(setup.config).find((stage) => stage.name === need)!;
    const loaded = await loadStage(setup, need);
    disposeCheckpoint(loaded);
    const { step = 0 } = loaded;
    if (training && step < training.steps) {
      throw new Error(
        `${name} needs the stage ${need} first, of which ${step} of ${training.steps} steps are trained.`,
      );
    }
  }
}
