// All pairs of two sets of vectors, in float64. Callers bound the memory by passing blocks (subarrays) of vectors.

// Products take float64 and distances float32 alone: machine code for both would run at half the speed.

/** Vectors of `width` numbers each, one behind the other. */
type Vectors = Float32Array | Float64Array;

const BLOCK = 256;

/** The vectors in blocks of 256 at most, each with the index of its first vector. */
export function* blocksOf<V extends Vectors>(
  values: V,
  width: number,
): Generator<{ vectors: V; start: number }> {
  for (let start = 0; start * width < values.length; start += BLOCK) {
    yield { vectors: values.subarray(start * width, (start + BLOCK) * width) as V, start };
  }
}

/** x_i . y_j, as [vectors of x, vectors of y] row by row. */
export function products(x: Float64Array, y: Float64Array, width: number): Float64Array {
  return allPairs(x, y, width, fourProducts);
}

/** |x_i - y_j|^2, as [vectors of x, vectors of y] row by row; summed from the differences, so that equal vectors have 0. */
export function squaredDistances(x: Float32Array, y: Float32Array, width: number): Float64Array {
  return allPairs(x, y, width, fourDistances);
}

/** Writes to `sums` what the vector of x that begins at i has with the four of y that begin at `starts`. */
type Four<V> = (x: V, y: V, width: number, at: FourPairs) => void;

interface FourPairs {
  readonly sums: Float64Array;
  readonly starts: Int32Array;
  readonly i: number;
}

/** Vectors are taken four at a time: each number that is read of x serves four sums. */
function allPairs<V extends Vectors>(x: V, y: V, width: number, four: Four<V>): Float64Array {
  const [rows, columns] = [x.length / width, y.length / width];
  const result = new Float64Array(rows * columns);
  const at = { sums: new Float64Array(4), starts: new Int32Array(4), i: 0 };
  for (let j = 0; j < columns; j += 4) {
    const count = Math.min(4, columns - j);
    for (let k = 0; k < 4; k++) at.starts[k] = (j + Math.min(k, count - 1)) * width; // the last one again at the end
    for (let row = 0; row < rows; row++) {
      at.i = row * width;
      four(x, y, width, at);
      for (let k = 0; k < count; k++) result[row * columns + j + k] = at.sums[k]!;
    }
  }
  return result;
}

function fourProducts(x: Float64Array, y: Float64Array, width: number, { sums, starts, i }: FourPairs): void {
  const [j0, j1, j2, j3] = [starts[0]!, starts[1]!, starts[2]!, starts[3]!];
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let f = 0; f < width; f++) {
    const value = x[i + f]!;
    s0 += value * y[j0 + f]!;
    s1 += value * y[j1 + f]!;
    s2 += value * y[j2 + f]!;
    s3 += value * y[j3 + f]!;
  }
  [sums[0], sums[1], sums[2], sums[3]] = [s0, s1, s2, s3];
}

function fourDistances(
  x: Float32Array,
  y: Float32Array,
  width: number,
  { sums, starts, i }: FourPairs,
): void {
  const [j0, j1, j2, j3] = [starts[0]!, starts[1]!, starts[2]!, starts[3]!];
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let f = 0; f < width; f++) {
    const value = x[i + f]!;
    const d0 = value - y[j0 + f]!;
    const d1 = value - y[j1 + f]!;
    const d2 = value - y[j2 + f]!;
    const d3 = value - y[j3 + f]!;
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  [sums[0], sums[1], sums[2], sums[3]] = [s0, s1, s2, s3];
}
