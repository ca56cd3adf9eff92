// Tensors as plain numbers in float64, and what the naive references of the probes are written in.

/** A tensor of the reference. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const sizeOf = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);

/** The tensor whose entry at each index is given by that index. */
export function build(shape: readonly number[], entry: (...index: number[]) => number): Values {
  const index = shape.map(() => 0);
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    data[i] = entry(...index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return { shape, data };
}

/** The entry at an index; zero outside the tensor, as in a padded image. */
export function at({ shape, data }: Values, ...index: number[]): number {
  let offset = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    const i = index[axis]!;
    if (i < 0 || i >= shape[axis]!) return 0;
    offset = offset * shape[axis]! + i;
  }
  return data[offset]!;
}

/** term(0) + ... + term(count - 1). */
export function sum(count: number, term: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
}

/** f of each entry. */
export function map(x: Values, f: (value: number, i: number) => number): Values {
  return { shape: x.shape, data: x.data.map(f) };
}

/** The gradient of sum(weights f(x)) by central differences: x's entries are moved and put back. */
export function centralDifferences(f: () => Values, weights: Float64Array, x: Values): Float64Array {
  const step = 1e-5;
  const weighted = () => f().data.reduce((total, value, i) => total + value * weights[i]!, 0);
  return x.data.map((value, i) => {
    x.data[i] = value + step;
    const above = weighted();
    x.data[i] = value - step;
    const below = weighted();
    x.data[i] = value;
    return (above - below) / (2 * step);
  });
}
