// Winograd's minimal filtering F(2x2, 3x3): Lavin and Gray 2016, "Fast algorithms for convolutional neural networks",
// sec. 4.1, the points 0, 1, -1 and infinity. A tile of 4 x 4 inputs gives 2 x 2 outputs by 16 products where the direct
// sum takes 36. Every transform here is along one axis; vectors are `apart` bytes from each other.

/** B^T d. */
@inline
export function spread2(a: v128, b: v128, c: v128, d: v128, to: usize, apart: usize): void {
  v128.store(to, f32x4.sub(a, c));
  v128.store(to + apart, f32x4.add(b, c));
  v128.store(to + 2 * apart, f32x4.sub(c, b));
  v128.store(to + 3 * apart, f32x4.sub(b, d));
}

/** A^T m, of it the first `count`. */
@inline
export function gather2(from: usize, apart: usize, to: usize, toApart: usize, count: i32): void {
  const b = v128.load(from + apart);
  const c = v128.load(from + 2 * apart);
  v128.store(to, f32x4.add(f32x4.add(v128.load(from), b), c));
  if (count > 1) v128.store(to + toApart, f32x4.sub(f32x4.sub(b, c), v128.load(from + 3 * apart)));
}

/** A dy, the gradient of {@link gather2}. */
@inline
export function spreadGradient2(a: v128, b: v128, to: usize, apart: usize): void {
  v128.store(to, a);
  v128.store(to + apart, f32x4.add(a, b));
  v128.store(to + 2 * apart, f32x4.sub(a, b));
  v128.store(to + 3 * apart, f32x4.neg(b));
}

/** G g, given 1 / 2. */
@inline
export function spreadTaps2(from: usize, apart: usize, to: usize, toApart: usize, half: v128): void {
  const a = v128.load(from);
  const c = v128.load(from + 2 * apart);
  const outer = f32x4.mul(half, f32x4.add(a, c));
  const inner = f32x4.mul(half, v128.load(from + apart));
  v128.store(to, a);
  v128.store(to + toApart, f32x4.add(outer, inner));
  v128.store(to + 2 * toApart, f32x4.sub(outer, inner));
  v128.store(to + 3 * toApart, c);
}

/** G^T u, the gradient of {@link spreadTaps2}. */
@inline
export function gatherTaps2(from: usize, apart: usize, to: usize, toApart: usize, half: v128): void {
  const b = v128.load(from + apart);
  const c = v128.load(from + 2 * apart);
  const mean = f32x4.mul(half, f32x4.add(b, c));
  v128.store(to, f32x4.add(v128.load(from), mean));
  v128.store(to + toApart, f32x4.mul(half, f32x4.sub(b, c)));
  v128.store(to + 2 * toApart, f32x4.add(mean, v128.load(from + 3 * apart)));
}
