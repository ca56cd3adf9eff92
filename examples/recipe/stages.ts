import { adam, cloneParams, cosineAnnealing, disposeParams, emaDecay, linearWarmup, sgd } from "cfd-distill";
import { inSteps, type Halving } from "./config.js";
import { classifierOf, loadModel, networkOf, scheduleOf } from "./models.js";
import { train, type Run } from "./stage.js";

/** What a checkpoint of a diffusion model of this run says about itself. */
function describe(run: Run, steps: number) {
  const { shape } = run.data.train;
  return {
    network: networkOf(run),
    schedule: scheduleOf(run),
    predictionType: "x0",
    steps,
    imageShape: shape,
  } as const;
}

/** Trains the diffusion model that the others learn from; of its weights the average is used. */
export async function trainTeacher(run: Run): Promise<void> {
  const { teacherSteps, base } = run.config;
  const network = networkOf(run);
  const params = network.init(run.rng.fork("teacher weights"));
  const ema = cloneParams(params);
  const annealed = cosineAnnealing({ rate: base.rate, steps: base.steps });
  const optimizer = adam({ learningRate: linearWarmup({ rate: annealed, steps: base.warmup }) });
  await train(run, {
    name: "teacher",
    title: "Teacher",
    steps: base.steps,
    describe: describe(run, teacherSteps),
    params,
    ema: { params: ema, decay: emaDecay(base.emaDecay) },
    optimizer,
    maxNorm: 1,
    task: { kind: "teacher" },
    batch: base.batch,
  }).finally(() => {
    disposeParams(params);
    disposeParams(ema);
    optimizer.dispose();
  });
}

/** Trains the classifier whose features CFD compares, on the same images. */
export async function trainClassifier(run: Run): Promise<void> {
  const network = classifierOf(run);
  const params = network.init(run.rng.fork("classifier weights"));
  const { steps, batch, rate, momentum, weightDecay: l2 } = run.config.classifier;
  const optimizer = sgd({ learningRate: cosineAnnealing({ rate, steps }), momentum, l2 });
  await train(run, {
    name: "classifier",
    title: "Classifier",
    steps,
    describe: { network },
    params,
    optimizer,
    maxNorm: 5,
    task: { kind: "classifier" },
    batch,
  }).finally(() => {
    disposeParams(params);
    optimizer.dispose();
  });
}

/** Trains one student to do in one step what its teacher does in two. It starts from the teacher's weights. */
export async function halve(run: Run, halving: Halving): Promise<void> {
  const { method, studentSteps, name } = halving;
  const { batch, rate, steps } = run.config.distillation[method];
  const { params } = await loadModel(run, halving.teacher);
  const optimizer = adam({ learningRate: cosineAnnealing({ rate, steps }) });
  await train(run, {
    name,
    title: `${method.toUpperCase()} to ${inSteps(studentSteps)}`,
    steps,
    describe: describe(run, studentSteps),
    params,
    optimizer,
    maxNorm: 1,
    task: { kind: "halving", halving },
    batch,
  }).finally(() => {
    disposeParams(params);
    optimizer.dispose();
  });
}
