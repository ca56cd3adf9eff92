/**
 * Image sets to draw batches from, CIFAR-10 among them, and images as a picture.
 *
 * @packageDocumentation
 */
export {
  checkImageRange,
  drawBatch,
  imageBatch,
  imageSet,
  type ImageBatch,
  type ImageSet,
} from "./image-set.js";
export { cifar10Classes, decodeCifar10 } from "./cifar10.js";
export { imageGrid, type ImageGridOptions, type Picture } from "./image-grid.js";
