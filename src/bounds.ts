/**
 * The most of everything that numbers in a file can ask for, checked before anything of that size is made. Whatever
 * people train lies far below; what lies above is a damaged file, or one made to exhaust whoever opens it.
 */
export const MOST = {
  /** Bytes of one file: an array of Node 20 ends there. */
  fileBytes: 2 ** 32,
  /** Bytes that what is read of one zip takes when it is expanded. */
  zipBytes: 2 ** 30,
  /** Bytes of a safetensors header: the limit of the reference implementation. */
  headerBytes: 100_000_000,
  /** Values in one JSON text (about 140,000 tensors of a header). 100 MB of commas would take a minute and gigabytes. */
  jsonValues: 1_000_000,
  /** Brackets within brackets of one JSON text. */
  jsonDepth: 100,
  /** Axes of a tensor: PyTorch's and NumPy's own operations end there. */
  axes: 64,
  /** Numbers in one image, or [height, width, channels] multiplied: 1 GiB in float32. */
  pixels: 2 ** 28,
  /** Steps of a sampler or of a schedule's table. */
  steps: 1_000_000,
  /** Stages or levels of a network, each of which halves the image. */
  levels: 16,
  /** Blocks or layers of a network, all together. */
  blocks: 1000,
  /** Operations of an ONNX graph, which has the network once a step. */
  operations: 500_000,
  /** Bytes of an ONNX file: protobuf's limit. */
  onnxBytes: 2 ** 31 - 1,
  /** Weights of a network, all together: 8 GiB in float32. */
  weights: 2 ** 31,
} as const;
