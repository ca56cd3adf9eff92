// What was trained, and how long it took.
import { discreteCosineSchedule } from "cfd-distill";
import type { RecipeConfig } from "../../examples/recipe/index.js";
import { listOf } from "../markdown.js";
import { duration } from "../words.js";
import { armsOf, seedsOf } from "./findings.js";
import type { Experiment, FinishedRun } from "./runs.js";

export function making({
  groundwork,
  screen,
  otherClassifier,
  chains,
  confirm,
  thirty,
}: Experiment): string[] {
  const { config, machine, threads, seconds } = groundwork;
  const { unet, base, classifier, halvings, teacherSteps } = config;
  const total = (run: FinishedRun, wanted: (stage: string) => boolean) =>
    duration(Object.entries(run.seconds).reduce((sum, [stage, time]) => sum + (wanted(stage) ? time : 0), 0));
  const arm = (stage: string) => stage !== "teacher" && stage !== "classifier" && !/^pd-\d+$/.test(stage);
  return [
    "## What was trained, and how long it took",
    listOf([
      `Teacher: a U-Net of ${unet.channels} channels times ${unet.multipliers.join(", ")}, ${teacherSteps} steps, trained ` +
        `${base.steps} steps of ${base.batch} images (${epochs(config)} epochs) in ${duration(seconds.teacher!)}. That is little: ` +
        "published teachers see a hundred to a thousand times as many images.",
      noiseLeft(teacherSteps),
      `Classifier: ${networkOf(classifier.network)}, ${classifier.steps} steps of ${classifier.batch}, ${duration(seconds.classifier!)}.`,
      `PD's students of ${halvings.map(({ studentSteps }) => studentSteps).join(", ")} steps: ${halvings[0]!.steps} training steps of ` +
        `${halvings[0]!.batch} each, ${total(groundwork, (stage) => stage.startsWith("pd"))} in all.`,
      `The ${armsOf(screen.results).length} arms of the one halving: ${total(screen, arm)}` +
        (otherClassifier ? `; with the other classifier: ${total(otherClassifier, arm)}` : "") +
        (chains ? `; the chains of other arms: ${total(chains, arm)}` : "") +
        (confirm ? `; the chains of ${seedsOf(confirm)} seeds: ${total(confirm, arm)}` : "") +
        ".",
      ...(thirty ? [longer(thirty, total)] : []),
    ]),
    `On ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, engine ${config.engine} in ${threads} threads, interruptions left out; the machine did ` +
      "other things beside.",
  ];
}

function longer(
  run: FinishedRun,
  total: (run: FinishedRun, wanted: (stage: string) => boolean) => string,
): string {
  const { config, seconds, machine, threads } = run;
  const arm = (stage: string) => stage !== "teacher" && stage !== "classifier";
  return (
    `The teacher of ${epochs(config)} epochs: ${config.base.steps} steps of ${config.base.batch}, ${duration(seconds.teacher!)}; its classifier: ` +
    `${networkOf(config.classifier.network)}, ${config.classifier.steps} steps of ${config.classifier.batch}, ${duration(seconds.classifier!)}; all its students: ` +
    `${total(run, arm)}. Node ${machine.node}, ${threads === 1 ? "one thread" : `${threads} threads`}.`
  );
}

function networkOf(network: RecipeConfig["classifier"]["network"]): string {
  if (network.type === "resnet")
    return `a ResNet of ${network.blocks.join(", ")} blocks, width ${network.width}`;
  return "depth" in network
    ? `DenseNet-${network.depth}`
    : `a DenseNet of ${network.blocks.join(", ")} layers, growth ${network.growth}`;
}

/** How often a teacher saw every training image. */
export function epochs({ base }: RecipeConfig): string {
  return ((base.steps * base.batch) / 50_000).toFixed(1);
}

/** That images end with noise on the authors' table of so many steps, as these samples did. */
function noiseLeft(steps: number): string {
  const alphaBar = discreteCosineSchedule(steps).alphaBar(0);
  return (
    `Its schedule is the authors' table, which for ${steps} steps ends at alphaBar(0) = ${alphaBar.toFixed(4)}: every image here, the teacher's ` +
    `and the students', keeps noise of ${Math.sqrt(1 - alphaBar).toFixed(3)}, of a range from -1 to 1.`
  );
}
