// The recipe as others use it: programs beside it, scripts that write pages of its runs, and tests of both.
// Its rooms, from the top; each imports those below it (.dependency-cruiser.mjs):
//   watch     a page and TensorBoard's files of a run that goes on
//   plan      from options to a config, the stages in their order, what they cost in time and on the disk
//   report    tables, pictures and plots of what was measured
//   measure   the samples of every method, and their distances
//   stages    what each network is trained on, and the training
//   models    teachers and classifiers: made, loaded, read from files of others
//   storage   a run's folder: its setup, log, checkpoints and lock
//   datasets  CIFAR-10 and folders of pictures, and how they are augmented
//   config    everything that decides what is computed, its presets and its checks
//   terminal  what is printed
export { parseArguments } from "./config/command-line.js";
export { methodName, shiftOf } from "./config/halvings.js";
export type { Halving, RecipeConfig } from "./config/schema.js";
export { downloadCifar10 } from "./datasets/cifar10-download.js";
export { loadFolder } from "./datasets/folder.js";
export { loadCifar10 } from "./datasets/load.js";
export { standIn } from "./datasets/stand-in.js";
export {
  NEIGHBOURS,
  type Distances,
  type ExtractorResult,
  type Measurements,
  type Row,
} from "./measure/evaluate.js";
export { methodsOf } from "./measure/sampling.js";
export { shiftedTime } from "./models/shift.js";
export { figure } from "./report/figure.js";
export { readLog } from "./report/curves.js";
export { main, type DataLoader } from "./run.js";
export { print } from "./terminal/print.js";
export { tensorboard } from "./watch/tensorboard.js";
