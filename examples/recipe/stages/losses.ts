// What a halving minimises.
import * as tf from "@tensorflow/tfjs";
import {
  addNoise,
  datasetOrientedLoss,
  featureDistillationLoss,
  predict,
  predictionLoss,
  progressiveLoss,
  progressiveTarget,
  untaped,
  type Classifier,
  type Denoiser,
  type DistillationInput,
  type LossTerms,
} from "cfd-distill";
import type { HalvingBy } from "../config/schema.js";

/** What a loss needs, from a teacher that answers when it is asked. */
export type DistillationBatch = Omit<DistillationInput, "teacher" | "target"> & {
  readonly teacher: Denoiser;
};

type ByPd = HalvingBy<"pd">;
type ByCfd = Pick<HalvingBy<"cfd">, "temperature" | "beta" | "gamma" | "pixels">;

/** PD's loss, in pixels. */
export function pixelTerms(batch: DistillationBatch, { weighting, consistency = false }: ByPd): LossTerms {
  return consistency ? consistencyTerms(batch, weighting) : progressiveLoss({ ...batch, weighting });
}

/**
 * At a time of its own, t, the student learns what it answers itself half a step later, to where the teacher goes
 * from t; there it learns the teacher's answer. A consistency loss within each of its steps: Song et al. 2023 (arXiv
 * 2303.01469), Algorithm 2; Heek et al. 2024 (arXiv 2403.06807), Section 3.
 */
function consistencyTerms(batch: DistillationBatch, weighting: ByPd["weighting"]): LossTerms {
  const { teacher, student, schedule, x0, eps, times, labels, studentSteps } = batch;
  const { predictionType } = student;
  const later = times.map((time) => time - 0.5 / studentSteps);
  // Goes the first half of a step as the teacher does, and the second as the student.
  const relay: Denoiser = Object.assign(
    (...question: Parameters<Denoiser>) => (question[1][0] === times[0] ? teacher : student)(...question),
    { predictionType: teacher.predictionType },
  );
  return tf.tidy(() => {
    const zt = addNoise(schedule, x0, eps, times);
    const target = progressiveTarget(relay, schedule, zt, times, { studentSteps, labels });
    const answer = predict(student, schedule, zt, times, { labels });
    const own = predictionLoss(answer, target, { schedule, times, predictionType, weighting });

    const zLater = addNoise(schedule, x0, eps, later);
    const wanted = untaped(() => predict(teacher, schedule, zLater, later, { labels }));
    const answerLater = predict(student, schedule, zLater, later, { labels });
    const taught = predictionLoss(answerLater, wanted, { schedule, times: later, predictionType, weighting });

    const mean = (term: keyof typeof own) => tf.add(own[term], taught[term]).div(2).asScalar();
    return { loss: mean("loss"), x0Mse: mean("x0Mse"), epsMse: mean("epsMse") };
  });
}

/**
 * CFD's loss by the features of the classifier's last layer and of those earlier ones that it gives, with PD's added to it
 * where the halving asks for it. One pass of the student, whose answer they all compare.
 */
export function featureTerms(
  { teacher, student, schedule, x0, eps, times, labels, studentSteps }: DistillationBatch,
  classify: Classifier,
  { temperature, beta, gamma, pixels = 0 }: ByCfd,
): LossTerms {
  return tf.tidy(() => {
    const zt = addNoise(schedule, x0, eps, times);
    const target = progressiveTarget(teacher, schedule, zt, times, { studentSteps, labels });
    const answer = predict(student, schedule, zt, times, { labels });

    const wanted = untaped(() => classify(target.x0));
    const { logits, features, earlier = [] } = classify(answer.x0);
    const feature = featureDistillationLoss(features, wanted.features, { temperature });
    const more = earlier.map((one, i) => featureDistillationLoss(one, wanted.earlier![i]!, { temperature }));
    const { loss: dataset, entropy, diversity } = datasetOrientedLoss(logits, { gamma });
    const { predictionType } = student;
    const error =
      pixels > 0 ? predictionLoss(answer, target, { schedule, times, predictionType }).loss : undefined;

    const judged = beta === 0 ? feature : tf.add(feature, tf.mul(dataset, beta));
    return {
      feature,
      entropy,
      diversity,
      ...Object.fromEntries(more.map((term, i) => [`feature${i + 1}`, term])),
      ...(error && { pixels: error }),
      loss: tf.addN([judged, ...more, ...(error ? [tf.mul(error, pixels)] : [])]).asScalar(),
    };
  });
}
