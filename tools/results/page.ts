// docs/results.md, of the runs in docs/results.
import { parse } from "node:path";
import { NEIGHBOURS, shiftedTime, shiftOf, type ExtractorResult } from "../../examples/recipe/index.js";
import { listOf, markdownTable } from "../markdown.js";
import { inSteps } from "../words.js";
import { armsOf, confirmed, screened, seedsOf } from "./findings.js";
import { chainsTables } from "./chains.js";
import { epochs, making } from "./making.js";
import { nearestOf, oneStepPart } from "./one-step.js";
import type { Experiment, MeasuredRun, Result } from "./runs.js";
import { leads, teachersPart } from "./teachers.js";

const DATA = "--data data/cifar-10-batches-bin";
const EXTRACTOR = "--extractor data/resnet32-d509ac18.th:imagenet";
const DENSENET = "--extractor examples/assets/cifar10/densenet.safetensors";
const RECIPE = "npx tsx examples/cifar10-cfd.ts";

/** The whole page. */
export function pageOf(experiment: Experiment): string {
  const { screen, otherClassifier, chains, confirm, oneStep, rates, thirty } = experiment;
  const teachers = confirm && thirty && ([confirm, thirty] as const);
  const samples = (run: MeasuredRun) => `${run.config.measured} samples an arm`;
  const parts = [
    "# Results: does CFD beat progressive distillation here?",
    "Written by `npm run results` from the configs, logs and reports in `docs/results`: no measured number in it " +
      "is typed by hand. What the distances are, and are not: [below](#how-it-was-measured).",
    "## What was found",
    listOf([
      ...(teachers ? leads(teachers) : []),
      ...(thirty
        ? confirmed(
            thirty,
            `Chains from 8 steps down to 1 from a teacher of ${epochs(thirty.config)} epochs, ${seedsOf(thirty)} seeds, ${samples(thirty)}`,
          )
        : []),
      ...(confirm
        ? confirmed(confirm, `Chains from 8 steps down to 1, ${seedsOf(confirm)} seeds, ${samples(confirm)}`)
        : []),
      ...screened(screen, `One halving, from 2 steps to 1, one seed, ${samples(screen)}`),
      ...(otherClassifier
        ? screened(
            otherClassifier,
            `The same with another classifier for CFD, ${classifierOf(otherClassifier)}`,
          )
        : []),
      ...(chains ? confirmed(chains, `Chains of other arms, one seed, ${samples(chains)}`) : []),
      ...(oneStep ? nearestOf(oneStep) : []),
    ]),
    ...(teachers ? teachersPart(teachers) : []),
    ...(confirm ? confirmation(confirm) : []),
    "## One halving: every loss",
    `From the same student of 2 steps to 1 step, ${training(screen)}. Smaller distances are better; kernel distances are ` +
      "given with their standard error, times 1000.",
    armsTable(screen),
    "A student of one step is asked at one time only, t = 1: another weighting multiplies its loss by a constant, which " +
      "leaves Adam's steps as they are, and there is no time to shift, so these are no arms.",
    "The times of training are from the version that made these runs. It ran the student twice for CFD + PD and for two layers, " +
      "which today share one pass; the consistency loss asks the student twice by its nature. What a step costs today: [recipe.md](recipe.md#to-one-step-at-once).",
    ...(otherClassifier ? byOtherClassifier(otherClassifier) : []),
    ...(chains ? inChains(chains) : []),
    ...(oneStep ? oneStepPart(oneStep, rates) : []),
    "## Fewer steps: the teacher, DDIM and PD",
    `The teacher at all its steps, plain DDIM with the teacher at fewer, and students by PD. ${screen.config.measured} samples each.`,
    stepsTable(screen),
    "## Samples",
    "Each column has one class and one starting noise.",
    "![Samples of every method from the same noise](results/screen/samples.png)",
    ...(confirm
      ? ["The chains:", "![Samples of the chains from the same noise](results/confirm/samples.png)"]
      : []),
    ...measuring(screen),
    ...making(experiment),
    ...commands(experiment),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** What all arms of a run share. */
function training({ config }: MeasuredRun): string {
  const { steps, batch, rate } = config.halvings.at(-1)!;
  return `${steps} training steps of ${batch} images at a rate of ${rate} for every arm, from the same batches and noise`;
}

function headOf(extractors: readonly ExtractorResult[]): string[] {
  return extractors.flatMap(({ extractor }) => [`${extractor}: Frechet`, "kernel", "precision", "recall"]);
}

function cellsOf({ distances }: Pick<Result, "distances">): string[] {
  return distances.flatMap(({ frechet, kernel, precision, recall }) => [
    frechet.toFixed(2),
    `${(1000 * kernel.mean).toFixed(1)} ± ${(1000 * (kernel.standardError ?? NaN)).toFixed(1)}`,
    precision.toFixed(2),
    recall.toFixed(2),
  ]);
}

function armsTable({ report, results, seconds }: MeasuredRun): string {
  return markdownTable(
    ["loss", ...headOf(report.extractors), "pixels from the teacher", "training"],
    armsOf(results).map((result) => [
      result.arm,
      ...cellsOf(result),
      result.row.toTeacher.toFixed(3),
      `${Math.round(seconds[result.stage]!)} s`,
    ]),
  );
}

function stepsTable({ report, results }: MeasuredRun): string {
  const rows = results.filter(({ halving }) => halving?.label === undefined);
  const named = ({ arm, steps }: Result, i: number) => `${i === 0 ? "teacher" : arm}, ${inSteps(steps)}`;
  return markdownTable(
    ["method", ...headOf(report.extractors), "pixels from the teacher", "ms an image"],
    [
      ...rows.map((result, i) => [
        named(result, i),
        ...cellsOf(result),
        result.row.toTeacher.toFixed(3),
        result.row.millisecondsPerImage.toFixed(1),
      ]),
      [
        "test images",
        ...cellsOf({ distances: report.extractors.map(({ testImages }) => testImages) }),
        "",
        "",
      ],
    ],
  );
}

function confirmation(confirm: MeasuredRun): string[] {
  return [
    "## Three halvings in a row: means and spreads",
    `From PD's student of 8 steps down to 1, each arm with its own loss all the way, ${training(confirm)}. Mean and standard ` +
      `deviation over the seeds, ${confirm.config.measured} samples each.`,
    ...chainsTables([confirm]),
    "![Distance against steps](results/distance.svg)",
    "The start and DDIM, as many samples each:",
    stepsTable(confirm),
  ];
}

/** The name of the classifier that was brought, and how often it is right. */
function classifierOf({ config, report }: MeasuredRun): string {
  const name = parse(config.files.classifier!.path).name;
  return `${name}, right on ${percent(report.classifierAccuracy)} of the test images`;
}

function byOtherClassifier(run: MeasuredRun): string[] {
  return [
    "### With another classifier",
    `The same halving, batches and noise, but CFD compares the features of ${classifierOf(run)}. The extractor resnet32 is of the ` +
      "same makers and kind, so the DenseNet is the more impartial judge here.",
    armsTable(run),
  ];
}

function inChains(run: MeasuredRun): string[] {
  const shift = run.config.halvings.map(shiftOf).find((one) => one !== undefined);
  return [
    "## Chains of other arms",
    `What one halving to one step cannot show: errors that add up, and what acts only where a student has several times. From PD's ` +
      `student of 8 steps, ${training(run)}, one seed, ${run.config.measured} samples each. With SNR + 1 the loss is the error of v (Salimans ` +
      `& Ho 2022, Section 4). With twice the noise the logSNR of the student's times is lower by ${shift!.toFixed(2)}: in two steps it is asked ` +
      `at 1 and ${shiftedTime(0.5, shift!).toFixed(2)} instead of 1 and 0.5; this chain begins with the teacher, as its students differ from the ` +
      "first halving on.",
    ...chainsTables([run]),
  ];
}

function measuring({ config, report }: MeasuredRun): string[] {
  const judges = report.extractors.map(({ extractor, sha256, width, accuracy }) => {
    const known = accuracy === undefined ? "" : `, right on ${percent(accuracy)} of the test images`;
    const { scaling } = config.extractors!.find(({ name }) => name === extractor)!;
    const input = scaling
      ? `(x - ${scaling.mean.join(", ")}) / ${scaling.std.join(", ")} of x in [0, 1]`
      : "x in [-1, 1]";
    return `\`${extractor}\`: ${width} features${known}; images as ${input}, 32x32 as they are; SHA-256 \`${sha256}\`.`;
  });
  return [
    "## How it was measured",
    `${config.measured} samples of every method unless another number is said, from the same noise and classes, against ${report.trainingImages} training ` +
      `images, evenly spread over the 50,000; ${report.testImages} test images for comparison. The pictures are JPEG copies of CIFAR-10's, so ` +
      "distances to the original pictures would differ. Frechet and kernel distance, precision and recall (these two among " +
      `at most ${NEIGHBOURS} vectors a side) are computed on the features of two classifiers that no arm was trained with, neither of them Inception: none of these is an FID ` +
      "or a KID, and none is comparable with other papers' numbers.",
    listOf(judges),
    `CFD compares the features of a third classifier, from this recipe, right on ${percent(report.classifierAccuracy)} of the test ` +
      "images. Pixels from the teacher: mean absolute difference to the teacher's sample from the same noise, pixels in " +
      "[-1, 1].",
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function commands({ otherClassifier, chains, confirm, oneStep, rates, thirty }: Experiment): string[] {
  const shell = (...lines: string[]) => ["```sh", ...lines, "```"].join("\n");
  const run = (preset: string) => `${RECIPE} --preset ${preset} ${DATA} ${EXTRACTOR}`;
  const networks = "teacher,classifier,pd-8,pd-4,pd-2";
  const others = otherClassifier && armsOf(otherClassifier.results).map(({ stage }) => stage);
  const runs = [
    ...["groundwork", "screen"],
    ...(others ? ["other-classifier"] : []),
    ...(chains ? ["chains"] : []),
    ...(confirm ? ["confirm"] : []),
    ...(rates ? ["rates"] : []),
    ...(oneStep ? ["one-step"] : []),
    ...(thirty ? ["thirty"] : []),
  ];
  return [
    "## Again",
    "One arm from the networks that ship, with the rows of the teacher, DDIM and PD, on the DenseNet's features:",
    shell(`${RECIPE} --preset screen --stages ${networks},cfd-0.9-to-1,samples,evaluate`),
    "Everything, from the first weights on. Each run goes on where it was interrupted with `--resume`; `--steps-scale 10` " +
      "trains ten times as long. The two `.th` files are of [pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10).",
    shell(
      run("groundwork"),
      `${RECIPE} --preset densenet ${DATA} --stages classifier`,
      "npm run networks:ship -- runs/cifar10-cfd-groundwork runs/cifar10-cfd-densenet",
      run("screen"),
      ...(others
        ? [
            `${run("screen")} --classifier ${otherClassifier.config.files.classifier!.path} --classifier-scaling imagenet ` +
              `--stages ${[networks, ...others].join(",")},samples,evaluate --out runs/cifar10-cfd-other-classifier`,
          ]
        : []),
      ...(chains ? [run("chains")] : []),
      ...(confirm ? [run("confirm")] : []),
      ...(rates
        ? [`${RECIPE} --config docs/results/rates/config.json ${DATA} --out runs/cifar10-cfd-rates`]
        : []),
      ...(oneStep
        ? [`${RECIPE} --config docs/results/one-step/config.json ${DATA} --out runs/cifar10-cfd-one-step`]
        : []),
      ...(thirty ? [`${run("thirty")} ${DENSENET}`] : []),
      `npm run results -- ${runs.map((name) => `runs/cifar10-cfd-${name}`).join(" ")}`,
    ),
  ];
}
