// The stage that measures: how far the drawn images are from real ones, and from the teacher's.
import {
  frechetDistance,
  gatherFeatures,
  kernelDistance,
  precisionRecall,
  statistics,
  type Features,
  type FeatureStatistics,
} from "cfd-distill/metrics";
import { type ImageSet } from "cfd-distill/data";
import {
  accuracy,
  closeExtractor,
  featuresOf,
  featuresOfImages,
  openExtractor,
  type FeatureExtractor,
} from "./extractor.js";
import { imageSize, readSamples, readyMethods, shownClasses, type Drawn, type Method } from "./sampling.js";
import type { Setup } from "../storage/setup.js";
import type { Run } from "../storage/run.js";

/** What was measured of one method. */
export interface Row {
  readonly method: string;
  /** How often the network runs for an image. */
  readonly networkCalls: number;
  readonly millisecondsPerImage: number;
  /** Frechet distance to the training images, on the features of this run's own classifier. */
  readonly frechet: number;
  /** Mean absolute difference to the teacher's image from the same noise and class; pixels in [-1, 1]. */
  readonly toTeacher: number;
}

/** How far a set of images is from the training images. */
export interface Distances {
  readonly frechet: number;
  /** With its standard error. */
  readonly kernel: { readonly mean: number; readonly standardError: number | undefined };
  readonly precision: number;
  readonly recall: number;
}

/** What a classifier that no method was trained with makes of the same images. */
export interface ExtractorResult {
  /** Its name in the config, which has its file's hash and the scaling of its images. Images keep their size. */
  readonly extractor: string;
  readonly sha256: string;
  /** The numbers in a feature vector. */
  readonly width: number;
  /** On the test images, where it knows the data's classes. */
  readonly accuracy?: number;
  /** Of the test images themselves. */
  readonly testImages: Distances;
  /** Of the methods, in the order of the rows. */
  readonly methods: readonly (Distances & { readonly method: string })[];
}

/** Everything measured, with the counts that the numbers depend on. */
export interface Measurements {
  readonly classifierAccuracy: number;
  readonly trainingImages: number;
  readonly testImages: number;
  readonly samplesPerMethod: number;
  /** The distance of the test images to the training images: what perfect samples would come near to. */
  readonly frechetOfTestImages: number;
  readonly rows: readonly Row[];
  readonly extractors: readonly ExtractorResult[];
}

/** The images that are compared: real ones by their indices, and each method's on which the picture is not. */
interface Material {
  readonly train: readonly number[];
  readonly test: readonly number[];
  readonly drawn: readonly DrawnBy[];
}

interface DrawnBy extends Drawn {
  readonly method: Method;
}

/** Measures every method that was drawn, on those images that the picture does not show. */
export async function measure(run: Run): Promise<Measurements> {
  const material = await gather(run);
  const extractors: ExtractorResult[] = [];
  const own = await withExtractor(run, undefined, async (extractor) => byOwnClassifier(extractor, material));
  for (const { name } of run.config.extractors ?? []) {
    extractors.push(
      await withExtractor(run, name, async (extractor) => byExtractor(extractor, name, material)),
    );
  }
  return { ...own, extractors };
}

/** Refuses data of which nothing can be measured, before anything is trained. */
export function checkMeasurable({ config, data }: Setup): void {
  const least = config.extractors?.length ? 4 : 2; // for a variance; for three neighbours of each
  const { length } = data.test.labels;
  if (length >= least) return;
  throw new Error(
    `evaluate: expected at least ${least} test images to measure with, got ${length}: add pictures, or name the other ` +
      "stages with --stages.",
  );
}

async function gather(run: Run): Promise<Material> {
  const { data, config } = run;
  const skipped = shownClasses(run).length * imageSize(run);
  const drawn: DrawnBy[] = [];
  for (const method of readyMethods(run)) {
    const { images, millisecondsPerImage } = await readSamples(run, method);
    drawn.push({ method, images: images.subarray(skipped), millisecondsPerImage });
  }
  return { train: evenly(data.train, config.reference), test: evenly(data.test, config.reference), drawn };
}

/** Up to `most` indices, evenly spread, so that every class is among them however the set is sorted. */
function evenly(set: ImageSet, most: number): number[] {
  const count = Math.min(most, set.labels.length);
  return Array.from({ length: count }, (_, i) => Math.floor((i * set.labels.length) / count));
}

async function withExtractor<T>(
  run: Run,
  name: string | undefined,
  use: (extractor: FeatureExtractor) => Promise<T>,
): Promise<T> {
  const extractor = await openExtractor(run, name);
  try {
    return await use(extractor);
  } finally {
    closeExtractor(extractor);
  }
}

async function byOwnClassifier(
  extractor: FeatureExtractor,
  { train, test, drawn }: Material,
): Promise<Omit<Measurements, "extractors">> {
  const { data, config } = extractor.run;
  const real = await statistics(featuresOf(extractor, data.train, train));
  const fresh = await statistics(featuresOf(extractor, data.test, test));
  const rows: Row[] = [];
  for (const { method, images, millisecondsPerImage } of drawn) {
    rows.push({
      method: method.label,
      networkCalls: method.steps,
      millisecondsPerImage,
      frechet: frechetDistance(await statistics(featuresOfImages(extractor, images)), real),
      toTeacher: meanAbsoluteDifference(images, drawn[0]!.images),
    });
  }
  return {
    classifierAccuracy: await accuracy(extractor, data.test, test),
    trainingImages: real.count,
    testImages: fresh.count,
    samplesPerMethod: config.measured,
    frechetOfTestImages: frechetDistance(fresh, real),
    rows,
  };
}

async function byExtractor(
  extractor: FeatureExtractor,
  name: string,
  { train, test, drawn }: Material,
): Promise<ExtractorResult> {
  const { data, config } = extractor.run;
  const features = await gatherFeatures(featuresOf(extractor, data.train, train));
  const real = { features, statistics: await statistics(features) };
  const methods: ExtractorResult["methods"][number][] = [];
  for (const { method, images } of drawn) {
    const distances = await distancesTo(real, await gatherFeatures(featuresOfImages(extractor, images)));
    methods.push({ method: method.label, ...distances });
  }
  const knowsClasses = extractor.classes === data.train.classes.length;
  return {
    extractor: name,
    sha256: config.extractors!.find((one) => one.name === name)!.file.sha256,
    width: features.width,
    ...(knowsClasses && { accuracy: await accuracy(extractor, data.test, test) }),
    testImages: await distancesTo(real, await gatherFeatures(featuresOf(extractor, data.test, test))),
    methods,
  };
}

/** Vectors in each of 50 subsets of the kernel distance: they cost their square. */
const SUBSET = 500;
/** At most so many vectors for precision and recall: they cost their square. */
export const NEIGHBOURS = 2000;

async function distancesTo(
  real: { readonly features: Features; readonly statistics: FeatureStatistics },
  features: Features,
): Promise<Distances> {
  const smaller = Math.min(...[real.features, features].map(({ values, width }) => values.length / width));
  const { mean, standardError } = kernelDistance(real.features, features, {
    subsets: 50,
    subsetSize: Math.min(SUBSET, smaller),
  });
  const { precision, recall } = precisionRecall(spread(real.features), spread(features));
  const frechet = frechetDistance(await statistics(features), real.statistics);
  return { frechet, kernel: { mean, standardError }, precision, recall };
}

/** Up to {@link NEIGHBOURS} of the vectors, evenly spread. */
function spread({ values, width }: Features): Features {
  const count = values.length / width;
  if (count <= NEIGHBOURS) return { values, width };
  const chosen = new Float32Array(NEIGHBOURS * width);
  for (let i = 0; i < NEIGHBOURS; i++) {
    const at = Math.floor((i * count) / NEIGHBOURS) * width;
    chosen.set(values.subarray(at, at + width), i * width);
  }
  return { values: chosen, width };
}

/** Of pixels in [-1, 1], given as bytes. */
function meanAbsoluteDifference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / a.length / 127.5;
}
