// docs/results.md, of the runs in docs/results.
import { inSteps, type RecipeConfig } from "../../examples/recipe/config.js";
import type { Judgement } from "../../examples/recipe/evaluate.js";
import { duration } from "../../examples/recipe/progress.js";
import { confirmed, deviation, frechets, mean, screened } from "./findings.js";
import type { Experiment, FinishedRun, MeasuredRun, Result } from "./runs.js";

const DATA = "--data data/cifar-10-batches-bin";
const EXTRACTOR = "--extractor data/resnet32-d509ac18.th:imagenet";
const RECIPE = "npx tsx examples/cifar10-cfd.ts";

/** The whole page. */
export function pageOf({ groundwork, screen, confirm }: Experiment): string {
  const parts = [
    "# Results: does CFD beat progressive distillation here?",
    "Written by `npm run results` from the configs, logs and reports in `docs/results`: no number in it is typed by " +
      "hand. What the distances are, and are not: [below](#how-it-was-measured).",
    "## What was found",
    listOf([...screened(screen), ...(confirm ? confirmed(confirm) : [])]),
    "## One halving: every loss",
    `From the same student of 2 steps to 1 step, ${training(screen)}. Smaller distances are better; kernel distances are ` +
      "given with their standard error, times 1000.",
    armsTable(screen),
    "A student of one step is asked at one time only, t = 1: another weighting scales its loss, to which Adam pays no heed, " +
      "and there is no time to shift, so these are no arms.",
    "## Fewer steps: the teacher, DDIM and PD",
    `The teacher at all its steps, plain DDIM with the teacher at fewer, and students by PD. ${screen.config.measured} samples each.`,
    stepsTable(screen),
    ...(confirm ? confirmation(confirm) : []),
    "## Samples",
    "Each column has one class and one starting noise.",
    "![Samples of every method from the same noise](results/screen/samples.png)",
    ...measuring(screen),
    ...making(groundwork, screen, confirm),
    ...commands(confirm !== undefined),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** The first entry introduces the others, up to the next that ends with a colon. */
function listOf(sentences: readonly string[]): string {
  return sentences.map((text) => (text.endsWith(":") ? `\n${text}\n` : `- ${text}`)).join("\n").trim(); // prettier-ignore
}

/** What all arms of a run share. */
function training({ config }: MeasuredRun): string {
  const { steps, batch, rate } = config.halvings.at(-1)!;
  return `${steps} training steps of ${batch} images at a rate of ${rate} for every arm, from the same batches and noise`;
}

type Cells = readonly (string | number)[];

function tableOf(head: Cells, rows: readonly Cells[]): string {
  const line = (cells: Cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function headOf(extractors: readonly Judgement[]): string[] {
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
  const arms = results.filter(({ halving }) => halving?.label !== undefined);
  return tableOf(
    ["loss", ...headOf(report.extractors), "pixels from the teacher", "training"],
    arms.map((result) => [
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
  return tableOf(
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
  const { report, results, config } = confirm;
  const chains = results.filter(({ halving }) => halving?.label !== undefined);
  const arms = [...new Set(chains.map(({ arm }) => arm))];
  const counts = [...new Set(chains.map(({ steps }) => steps))];
  const cell = (arm: string, steps: number, extractor: number) => {
    const found = frechets(chains, arm, steps, extractor);
    return `${mean(found).toFixed(2)} ± ${deviation(found).toFixed(2)}`;
  };
  return [
    "## Three halvings in a row: means and spreads",
    `From PD's student of 8 steps down to 1, each arm with its own loss all the way, ${training(confirm)}. Frechet distance, ` +
      `mean and standard deviation over the seeds, ${config.measured} samples each.`,
    tableOf(
      [
        "loss",
        ...report.extractors.flatMap(({ extractor }) => counts.map((n) => `${extractor}: ${inSteps(n)}`)),
      ],
      arms.map((arm) => [arm, ...report.extractors.flatMap((_, i) => counts.map((n) => cell(arm, n, i)))]),
    ),
    "![Distance against steps](results/distance.svg)",
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
    `${config.measured} samples of every method, from the same noise and classes, against ${report.trainingImages} training ` +
      `images, evenly spread over the 50,000; ${report.testImages} test images for comparison. The pictures are JPEG copies of CIFAR-10's, so ` +
      "distances to the original pictures would differ. Frechet and kernel distance, precision and recall are computed " +
      "on the features of two classifiers that no arm was trained with, neither of them Inception: none of these is an FID " +
      "or a KID, and none is comparable with other papers' numbers.",
    listOf(judges),
    `CFD compares the features of a third classifier, from this recipe, right on ${percent(report.classifierAccuracy)} of the test ` +
      "images. Pixels from the teacher: mean absolute difference to the teacher's sample from the same noise, pixels in " +
      "[-1, 1].",
  ];
}

function making(groundwork: FinishedRun, screen: MeasuredRun, confirm?: MeasuredRun): string[] {
  const { config, machine, seconds } = groundwork;
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
      `Classifier: ${networkOf(classifier.network)}, ${classifier.steps} steps of ${classifier.batch}, ${duration(seconds.classifier!)}.`,
      `PD's students of ${halvings.map(({ studentSteps }) => studentSteps).join(", ")} steps: ${halvings[0]!.steps} training steps of ` +
        `${halvings[0]!.batch} each, ${total(groundwork, (stage) => stage.startsWith("pd"))} in all.`,
      `The ${screen.config.halvings.filter(({ label }) => label !== undefined).length} arms of the one halving: ${total(screen, arm)}` +
        `${confirm ? `; the chains: ${total(confirm, arm)}` : ""}.`,
    ]),
    `On ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, engine ${config.engine} in ${config.parallel} threads, interruptions left out; the machine did ` +
      "other things beside.",
  ];
}

function networkOf(network: RecipeConfig["classifier"]["network"]): string {
  if (network.type === "resnet")
    return `a ResNet of ${network.blocks.join(", ")} blocks, width ${network.width}`;
  return "depth" in network
    ? `DenseNet-${network.depth}`
    : `a DenseNet of ${network.blocks.join(", ")} layers, growth ${network.growth}`;
}

function epochs({ base }: RecipeConfig): string {
  return ((base.steps * base.batch) / 50_000).toFixed(1);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function commands(chains: boolean): string[] {
  const shell = (...lines: string[]) => ["```sh", ...lines, "```"].join("\n");
  const run = (preset: string) => `${RECIPE} --preset ${preset} ${DATA} ${EXTRACTOR}`;
  const one = "teacher,classifier,pd-8,pd-4,pd-2,cfd-0.9-to-1,samples,evaluate";
  return [
    "## Again",
    "One arm from the networks that ship, with the rows of the teacher, DDIM and PD, on the DenseNet's features:",
    shell(`${RECIPE} --preset screen --stages ${one}`),
    "Everything, from the first weights on. Each run goes on where it was interrupted with `--resume`; `--steps-scale 10` " +
      "trains ten times as long. `resnet32-d509ac18.th` is of [pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10).",
    shell(
      run("groundwork"),
      `${RECIPE} --preset densenet ${DATA} --stages classifier`,
      "npm run networks:ship -- runs/cifar10-cfd-groundwork runs/cifar10-cfd-densenet",
      run("screen"),
      ...(chains ? [run("confirm")] : []),
      `npm run results -- runs/cifar10-cfd-groundwork runs/cifar10-cfd-screen${chains ? " runs/cifar10-cfd-confirm" : ""}`,
    ),
  ];
}
