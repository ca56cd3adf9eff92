// Winograd's minimal filtering F(2x2, 3x3): Lavin and Gray 2016, "Fast algorithms for convolutional neural networks",
// sec. 4.1. A tile of 4 x 4 inputs gives 2 x 2 outputs by 16 products where the direct sum takes 36. Everything is in 16
// matrices, one for each place in a tile, `matrixBytes` apart; channels come in fours.

import { turn } from "./transpose";

/** One row of a filter times G^T, of the row's three taps: four vectors at `to`, 16 bytes apart. */
@inline
function spreadTaps(from: usize, step: usize, to: usize): void {
  const half = f32x4.splat(0.5);
  const a = v128.load(from);
  const c = v128.load(from + 2 * step);
  const outer = f32x4.mul(half, f32x4.add(a, c));
  const inner = f32x4.mul(half, v128.load(from + step));
  v128.store(to, a);
  v128.store(to, f32x4.add(outer, inner), 16);
  v128.store(to, f32x4.sub(outer, inner), 32);
  v128.store(to, c, 48);
}

/** G g G^T of four channels, as 16 vectors at `room`. */
@inline
function spreadFilter(from: usize, step: usize, room: usize): void {
  const half = f32x4.splat(0.5);
  spreadTaps(from, step, room);
  spreadTaps(from + 3 * step, step, room + 64);
  spreadTaps(from + 6 * step, step, room + 192);
  for (let column: usize = room; column < room + 64; column += 16) {
    const a = v128.load(column);
    const c = v128.load(column, 192);
    const outer = f32x4.mul(half, f32x4.add(a, c));
    const inner = f32x4.mul(half, v128.load(column, 64));
    v128.store(column, f32x4.add(outer, inner), 64);
    v128.store(column, f32x4.sub(outer, inner), 128);
  }
}

/** Filters [3, 3, inputs, outputs] as the panels of 16 matrices [inputs, outputs]: G g G^T. `room` is 256 bytes. */
export function packSpread(
  weights: usize,
  panels: usize,
  inputs: i32,
  outputs: i32,
  room: usize,
  matrixBytes: usize,
): void {
  const tapBytes = (<usize>(inputs * outputs)) << 2;
  const panelBytes = (<usize>inputs) << 5;
  const rest = (outputs & 4) != 0;
  const zero = f32x4.splat(0);
  for (let input = 0; input < inputs; input++) {
    let to = panels;
    for (let output = 0; output < outputs; output += 4) {
      spreadFilter(weights, tapBytes, room);
      for (let place: usize = 0; place < 16; place++) {
        v128.store(to + place * matrixBytes, v128.load(room + (place << 4)));
      }
      weights += 16;
      to += output & 4 ? panelBytes - 16 : 16;
    }
    for (let place: usize = 0; rest && place < 16; place++) v128.store(to + place * matrixBytes, zero);
    panels += 32;
  }
}

/**
 * {@link packSpread} of the filters turned round and their channels exchanged: the panels of 16 matrices
 * [outputs, inputs]. `room` is 1 kB.
 */
export function packSpreadTurned(
  weights: usize,
  panels: usize,
  inputs: i32,
  outputs: i32,
  room: usize,
  matrixBytes: usize,
): void {
  const tapBytes = (<usize>(inputs * outputs)) << 2;
  const rowBytes = (<usize>outputs) << 2;
  const zero = f32x4.splat(0);
  const last = weights + 8 * tapBytes;
  for (let input = 0; input < inputs; input += 4) {
    let to = panels + <usize>(input >> 3) * (rowBytes << 3) + ((<usize>(input & 4)) << 2);
    const alone = (input & 4) == 0 && input + 4 == inputs;
    let from = last + <usize>input * rowBytes;
    for (let output = 0; output < outputs; output += 4) {
      for (let i: usize = 0; i < 4; i++) spreadFilter(from + i * rowBytes, 0 - tapBytes, room + (i << 8));
      for (let place: usize = 0; place < 16; place++) {
        const target = to + place * matrixBytes;
        turn(room + (place << 4), 256, target);
        for (let i: usize = 0; alone && i < 4; i++) v128.store(target + (i << 5), zero, 16);
      }
      from += 16;
      to += 128;
    }
  }
}

/** One row of B^T d B: of the four values of B^T d in that row, to its four matrices. */
@inline
function spreadRow(a: v128, b: v128, c: v128, d: v128, to: usize, matrixBytes: usize): void {
  v128.store(to, f32x4.sub(a, c));
  v128.store(to + matrixBytes, f32x4.add(b, c));
  v128.store(to + 2 * matrixBytes, f32x4.sub(c, b));
  v128.store(to + 3 * matrixBytes, f32x4.sub(b, d));
}

/** The tiles `first` to `end` of an image, `across` in a row of tiles, as rows of 16 matrices: B^T d B. */
export function spreadTiles(
  image: usize,
  to: usize,
  first: i32,
  end: i32,
  across: i32,
  channels: i32,
  rowBytes: usize,
  matrixBytes: usize,
): void {
  const pixelBytes = (<usize>channels) << 2;
  for (let tile = first; tile < end; tile++) {
    let p0 = image + <usize>(2 * (tile / across)) * rowBytes + <usize>(2 * (tile % across)) * pixelBytes;
    const last = to + pixelBytes;
    for (; to < last; to += 16) {
      const p1 = p0 + rowBytes;
      const p2 = p1 + rowBytes;
      const p3 = p2 + rowBytes;
      // Columns of B^T d, each made of a column of the tile.
      let c0 = v128.load(p0);
      let c1 = v128.load(p1);
      let c2 = v128.load(p2);
      let c3 = v128.load(p3);
      const a0 = f32x4.sub(c0, c2);
      const a1 = f32x4.add(c1, c2);
      const a2 = f32x4.sub(c2, c1);
      const a3 = f32x4.sub(c1, c3);
      c0 = v128.load(p0 + pixelBytes);
      c1 = v128.load(p1 + pixelBytes);
      c2 = v128.load(p2 + pixelBytes);
      c3 = v128.load(p3 + pixelBytes);
      const b0 = f32x4.sub(c0, c2);
      const b1 = f32x4.add(c1, c2);
      const b2 = f32x4.sub(c2, c1);
      const b3 = f32x4.sub(c1, c3);
      c0 = v128.load(p0 + 2 * pixelBytes);
      c1 = v128.load(p1 + 2 * pixelBytes);
      c2 = v128.load(p2 + 2 * pixelBytes);
      c3 = v128.load(p3 + 2 * pixelBytes);
      const d0 = f32x4.sub(c0, c2);
      const d1 = f32x4.add(c1, c2);
      const d2 = f32x4.sub(c2, c1);
      const d3 = f32x4.sub(c1, c3);
      c0 = v128.load(p0 + 3 * pixelBytes);
      c1 = v128.load(p1 + 3 * pixelBytes);
      c2 = v128.load(p2 + 3 * pixelBytes);
      c3 = v128.load(p3 + 3 * pixelBytes);
      spreadRow(a0, b0, d0, f32x4.sub(c0, c2), to, matrixBytes);
      spreadRow(a1, b1, d1, f32x4.add(c1, c2), to + 4 * matrixBytes, matrixBytes);
      spreadRow(a2, b2, d2, f32x4.sub(c2, c1), to + 8 * matrixBytes, matrixBytes);
      spreadRow(a3, b3, d3, f32x4.sub(c1, c3), to + 12 * matrixBytes, matrixBytes);
      p0 += 16;
    }
  }
}

/** The products' rows back to pixels of an image, of the tiles `first` to `end`: A^T m A. */
export function gatherTiles(
  from: usize,
  image: usize,
  first: i32,
  end: i32,
  across: i32,
  channels: i32,
  height: i32,
  width: i32,
  matrixBytes: usize,
): void {
  const pixelBytes = (<usize>channels) << 2;
  const rowBytes = <usize>width * pixelBytes;
  for (let tile = first; tile < end; tile++) {
    const row = 2 * (tile / across);
    const column = 2 * (tile % across);
    let to = image + <usize>row * rowBytes + <usize>column * pixelBytes;
    const below = row + 1 < height;
    const right = column + 1 < width;
    const last = from + pixelBytes;
    for (; from < last; from += 16) {
      let at = from;
      let a = v128.load(at);
      let b = v128.load(at + 4 * matrixBytes);
      let c = v128.load(at + 8 * matrixBytes);
      let d = v128.load(at + 12 * matrixBytes);
      let up = f32x4.add(f32x4.add(a, b), c);
      let down = f32x4.sub(f32x4.sub(b, c), d);
      let up0 = up;
      let down0 = down;
      at += matrixBytes;
      a = v128.load(at);
      b = v128.load(at + 4 * matrixBytes);
      c = v128.load(at + 8 * matrixBytes);
      d = v128.load(at + 12 * matrixBytes);
      up = f32x4.add(f32x4.add(a, b), c);
      down = f32x4.sub(f32x4.sub(b, c), d);
      up0 = f32x4.add(up0, up);
      down0 = f32x4.add(down0, down);
      let up1 = up;
      let down1 = down;
      at += matrixBytes;
      a = v128.load(at);
      b = v128.load(at + 4 * matrixBytes);
      c = v128.load(at + 8 * matrixBytes);
      d = v128.load(at + 12 * matrixBytes);
      up = f32x4.add(f32x4.add(a, b), c);
      down = f32x4.sub(f32x4.sub(b, c), d);
      up0 = f32x4.add(up0, up);
      down0 = f32x4.add(down0, down);
      up1 = f32x4.sub(up1, up);
      down1 = f32x4.sub(down1, down);
      at += matrixBytes;
      a = v128.load(at);
      b = v128.load(at + 4 * matrixBytes);
      c = v128.load(at + 8 * matrixBytes);
      d = v128.load(at + 12 * matrixBytes);
      up1 = f32x4.sub(up1, f32x4.add(f32x4.add(a, b), c));
      down1 = f32x4.sub(down1, f32x4.sub(f32x4.sub(b, c), d));
      v128.store(to, up0);
      if (right) v128.store(to + pixelBytes, up1);
      if (below) {
        v128.store(to + rowBytes, down0);
        if (right) v128.store(to + rowBytes + pixelBytes, down1);
      }
      to += 16;
    }
  }
}

/** One column of A dy A^T: of the two values of a column of A dy's transpose, to its four matrices. */
@inline
function spreadPair(up: v128, down: v128, to: usize, stepBytes: usize): void {
  v128.store(to, up);
  v128.store(to + stepBytes, f32x4.add(up, down));
  v128.store(to + 2 * stepBytes, f32x4.sub(up, down));
  v128.store(to + 3 * stepBytes, f32x4.neg(down));
}

/** The gradient of {@link gatherTiles}: the tiles `first` to `end` of dy as rows of 16 matrices, A dy A^T. */
export function spreadGradients(
  image: usize,
  to: usize,
  first: i32,
  end: i32,
  across: i32,
  channels: i32,
  height: i32,
  width: i32,
  matrixBytes: usize,
): void {
  const pixelBytes = (<usize>channels) << 2;
  const rowBytes = <usize>width * pixelBytes;
  const zero = f32x4.splat(0);
  for (let tile = first; tile < end; tile++) {
    const row = 2 * (tile / across);
    const column = 2 * (tile % across);
    let from = image + <usize>row * rowBytes + <usize>column * pixelBytes;
    const below = row + 1 < height;
    const right = column + 1 < width;
    const last = to + pixelBytes;
    for (; to < last; to += 16) {
      const a = v128.load(from);
      const b = right ? v128.load(from + pixelBytes) : zero;
      const c = below ? v128.load(from + rowBytes) : zero;
      const d = below && right ? v128.load(from + rowBytes + pixelBytes) : zero;
      spreadPair(a, b, to, matrixBytes);
      spreadPair(f32x4.add(a, c), f32x4.add(b, d), to + 4 * matrixBytes, matrixBytes);
      spreadPair(f32x4.sub(a, c), f32x4.sub(b, d), to + 8 * matrixBytes, matrixBytes);
      spreadPair(f32x4.neg(c), f32x4.neg(d), to + 12 * matrixBytes, matrixBytes);
      from += 16;
    }
  }
}

/** The gradient of {@link packSpread} before it packs: 16 matrices, which it overwrites, to [3, 3, sizes]: G^T u G. */
export function gatherFilters(matrices: usize, filter: usize, size: i32, matrixBytes: usize): void {
  const half = f32x4.splat(0.5);
  const bytes = (<usize>size) << 2;
  for (let at: usize = 0; at < bytes; at += 16) {
    for (let column: usize = 0; column < 4; column++) {
      const from = matrices + at + column * matrixBytes;
      const b = v128.load(from + 4 * matrixBytes);
      const c = v128.load(from + 8 * matrixBytes);
      const mean = f32x4.mul(half, f32x4.add(b, c));
      v128.store(from, f32x4.add(v128.load(from), mean));
      v128.store(from + 4 * matrixBytes, f32x4.mul(half, f32x4.sub(b, c)));
      v128.store(from + 8 * matrixBytes, f32x4.add(mean, v128.load(from + 12 * matrixBytes)));
    }
    for (let row: usize = 0; row < 3; row++) {
      const from = matrices + at + row * 4 * matrixBytes;
      const to = filter + at + row * 3 * bytes;
      const b = v128.load(from + matrixBytes);
      const c = v128.load(from + 2 * matrixBytes);
      const mean = f32x4.mul(half, f32x4.add(b, c));
      v128.store(to, f32x4.add(v128.load(from), mean));
      v128.store(to + bytes, f32x4.mul(half, f32x4.sub(b, c)));
      v128.store(to + 2 * bytes, f32x4.add(mean, v128.load(from + 3 * matrixBytes)));
    }
  }
}
