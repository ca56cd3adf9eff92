// The twin of scripts/reference/values.py: weights, inputs and noise from their names, bit for bit the same.

export type Shape = readonly number[];

const SAMPLES = 32;

/** FNV-1a, 32 bits. */
function hashName(name: string): number {
  let h = 0x811c9dc5;
  for (const character of name) h = Math.imul(h ^ character.charCodeAt(0), 0x01000193);
  return h >>> 0;
}

/** The `i`-th 32-bit word of a name (the lowbias32 mixer of a Weyl sequence that starts at the name's hash). */
function word(seed: number, i: number): number {
  let x = (seed + Math.imul(i, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

export const sizeOf = (shape: Shape) => shape.reduce((a, b) => a * b, 1);

/** offset + scale * u with u uniform in [-1, 1), rounded to float32. */
export function values(name: string, shape: Shape, scale = 1, offset = 0): Float32Array {
  const seed = hashName(name);
  const numbers = new Float32Array(sizeOf(shape));
  for (let i = 0; i < numbers.length; i++) numbers[i] = offset + scale * uniform(seed, i);
  return numbers;
}

const uniform = (seed: number, i: number) => word(seed, i) / 2 ** 31 - 1;

/** A network's weight in PyTorch's layout: no zero biases, no unit norms, no tiny gains. */
export function weight(net: string, name: string, shape: Shape): Float32Array {
  const key = `${net}/${name}`;
  if (name.endsWith("running_var")) return values(key, shape, 0.5, 1);
  if (name.endsWith("running_mean") || name.endsWith("bias")) return values(key, shape, 0.2);
  if (shape.length === 1) return values(key, shape, 0.4, 1);
  return values(key, shape, Math.sqrt(3 / sizeOf(shape.slice(1))));
}

/** A PyTorch state dict, as decodeSafetensors would give it. */
export function stateDict(net: string, shapes: Readonly<Record<string, Shape>>) {
  const entries = Object.entries(shapes).map(([name, shape]) => {
    return [name, { dtype: "F32" as const, shape: [...shape], data: weight(net, name, shape) }] as const;
  });
  return Object.fromEntries(entries);
}

/** What a fixture keeps of a large tensor in PyTorch's layout: some entries, the norm, a product with a fixed vector. */
export function summary(name: string, flat: Float32Array): number[] {
  const pick = hashName(`${name}#samples`);
  const project = hashName(`${name}#projection`);
  const samples = Array.from({ length: SAMPLES }, (_, i) => flat[word(pick, i) % flat.length]!);
  let squares = 0;
  let product = 0;
  flat.forEach((value, i) => {
    squares += value * value;
    product += value * uniform(project, i);
  });
  return [...samples, Math.sqrt(squares), product];
}
