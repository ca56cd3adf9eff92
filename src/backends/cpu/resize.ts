import * as tf from "../../tfjs.js";

interface CpuBackend {
  readonly data: { get(dataId: object): { readonly values: Float32Array } };
  makeTensorInfo(shape: readonly number[], dtype: tf.DataType, values: Float32Array): tf.TensorInfo;
}

interface Attributes {
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

type Sizes = [number, number, number, number];

/**
 * Gradient of tf.image.resizeNearestNeighbor: every pixel's gradient goes back to the pixel it was copied from. The
 * stock kernel mixes up the samples of a batch and is NaN where the image shrinks.
 */
export const nearestNeighborGradient: tf.KernelFunc = ({ inputs, backend: engine, attrs }) => {
  const backend = engine as CpuBackend;
  const [images, dy] = [inputs.images!, inputs.dy!];
  const options = attrs as unknown as Attributes;
  const [batch, height, width, channels] = images.shape as Sizes;
  const [, outHeight, outWidth] = dy.shape as Sizes;
  const rows = sources(height, outHeight, options);
  const columns = sources(width, outWidth, options);
  const from = backend.data.get(dy.dataId).values;
  const to = new Float32Array(batch * height * width * channels);
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (const row of rows) {
      for (const column of columns) {
        const target = ((b * height + row) * width + column) * channels;
        for (let channel = 0; channel < channels; channel++) to[target + channel]! += from[at++]!;
      }
    }
  }
  return backend.makeTensorInfo(images.shape, images.dtype, to);
};

/** For each index of the resized axis, the index it was copied from, as the forward kernel computes it. */
function sources(size: number, outSize: number, { alignCorners, halfPixelCenters }: Attributes): number[] {
  const corners = alignCorners && outSize > 1;
  const scale = corners ? (size - 1) / (outSize - 1) : size / outSize;
  return Array.from({ length: outSize }, (_, i) => {
    const position = scale * (halfPixelCenters ? i + 0.5 : i);
    const nearest = alignCorners ? Math.round(position) : Math.floor(position);
    return Math.max(0, Math.min(size - 1, nearest));
  });
}
