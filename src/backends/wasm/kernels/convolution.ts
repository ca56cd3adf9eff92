// A direct convolution: a tile of 4 pixels times 8 output channels stays in registers while the filter passes over it.
// Each output is summed in one fixed order, whatever its tile, so it depends neither on its neighbours nor on the batch.

/** Pixels that all channels visit before the next pixels: their inputs stay in the cache meanwhile. */
const BLOCK: i32 = 128;

/** Rows of `columns` weights as panels of 8 columns each, the last one filled up with zeros. */
export function pack(weights: usize, panels: usize, rows: i32, columns: i32): void {
  for (let column = 0; column < columns; column += 8) {
    const count = min(8, columns - column);
    let from = weights + ((<usize>column) << 2);
    for (let row = 0; row < rows; row++) {
      if (count == 8) {
        v128.store(panels, v128.load(from));
        v128.store(panels, v128.load(from, 16), 16);
      } else {
        for (let i = 0; i < 8; i++) {
          const at = (<usize>i) << 2;
          store<f32>(panels + at, i < count ? load<f32>(from + at) : 0);
        }
      }
      from += (<usize>columns) << 2;
      panels += 32;
    }
  }
}

/** The weights [taps, inputs, outputs], taps backwards and channels exchanged, as panels of 8 inputs each. */
export function packTurned(weights: usize, panels: usize, taps: i32, inputs: i32, outputs: i32): void {
  const tapBytes = (<usize>(inputs * outputs)) << 2;
  const inputBytes = (<usize>outputs) << 2;
  for (let input = 0; input < inputs; input += 8) {
    const count = min(8, inputs - input);
    for (let tap = taps - 1; tap >= 0; tap--) {
      let from = weights + <usize>tap * tapBytes + <usize>input * inputBytes;
      for (let output = 0; output < outputs; output++) {
        let at = from;
        for (let i = 0; i < 8; i++) {
          store<f32>(panels + ((<usize>i) << 2), i < count ? load<f32>(at) : 0);
          at += inputBytes;
        }
        from += 4;
        panels += 32;
      }
    }
  }
}

/** Copies the first `width` pixels of `height` rows into a larger image, `rightBytes` and `downBytes` apart. */
export function pad(
  from: usize,
  to: usize,
  height: i32,
  width: i32,
  pixelBytes: usize,
  rowBytes: usize,
  downBytes: usize,
  rightBytes: usize,
): void {
  for (let row = 0; row < height; row++) {
    if (rightBytes == pixelBytes) {
      memory.copy(to, from, <usize>width * pixelBytes);
    } else {
      for (let column = 0; column < width; column++) {
        memory.copy(to + <usize>column * rightBytes, from + <usize>column * pixelBytes, pixelBytes);
      }
    }
    from += rowBytes;
    to += downBytes;
  }
}

/** Stores the first `count` lanes, at most all four. */
@inline
export function storeSome(to: usize, value: v128, count: i32): void {
  if (count >= 4) {
    v128.store(to, value);
    return;
  }
  if (count > 0) store<f32>(to, f32x4.extract_lane(value, 0));
  if (count > 1) store<f32>(to, f32x4.extract_lane(value, 1), 4);
  if (count > 2) store<f32>(to, f32x4.extract_lane(value, 2), 8);
}

/**
 * One image: out[row, column, channel] = sum over the filter's rows and over `run`, its columns times the input's
 * channels, of image times weights. The image is padded; `panels` are the weights by {@link pack}.
 */
export function convolve(
  image: usize,
  panels: usize,
  out: usize,
  height: i32,
  width: i32,
  channels: i32,
  filterRows: i32,
  run: i32,
  rowBytes: usize,
  downBytes: usize,
  rightBytes: usize,
): void {
  const pixels = height * width;
  const panelBytes = (<usize>(filterRows * run)) << 5;
  const runBytes = (<usize>run) << 2;
  const nextRow = downBytes - <usize>width * rightBytes;
  const outBytes = (<usize>channels) << 2;
  let blockColumn: i32 = 0;
  let blockAt = image;
  for (let first = 0; first < pixels; first += BLOCK) {
    const end = min(first + BLOCK, pixels);
    let panel = panels;
    let column = blockColumn;
    let at = blockAt;
    for (let channel = 0; channel < channels; channel += 8) {
      const count = channels - channel;
      let to = out + <usize>first * outBytes + ((<usize>channel) << 2);
      column = blockColumn;
      at = blockAt;
      for (let pixel = first; pixel < end; pixel += 4) {
        const some = end - pixel;
        const p0 = at;
        at += rightBytes;
        if (++column == width) {
          column = 0;
          at += nextRow;
        }
        const p1 = some > 1 ? at : p0;
        at += rightBytes;
        if (++column == width) {
          column = 0;
          at += nextRow;
        }
        const p2 = some > 2 ? at : p0;
        at += rightBytes;
        if (++column == width) {
          column = 0;
          at += nextRow;
        }
        const p3 = some > 3 ? at : p0;
        at += rightBytes;
        if (++column == width) {
          column = 0;
          at += nextRow;
        }
        let a0 = f32x4.splat(0);
        let a1 = f32x4.splat(0);
        let b0 = f32x4.splat(0);
        let b1 = f32x4.splat(0);
        let c0 = f32x4.splat(0);
        let c1 = f32x4.splat(0);
        let d0 = f32x4.splat(0);
        let d1 = f32x4.splat(0);
        let weights = panel;
        let down: usize = 0;
        for (let row = 0; row < filterRows; row++) {
          let q0 = p0 + down;
          let q1 = p1 + down;
          let q2 = p2 + down;
          let q3 = p3 + down;
          const last = q0 + runBytes;
          while (q0 != last) {
            const w0 = v128.load(weights);
            const w1 = v128.load(weights, 16);
            let x = v128.load_splat<f32>(q0);
            a0 = f32x4.add(a0, f32x4.mul(x, w0));
            a1 = f32x4.add(a1, f32x4.mul(x, w1));
            x = v128.load_splat<f32>(q1);
            b0 = f32x4.add(b0, f32x4.mul(x, w0));
            b1 = f32x4.add(b1, f32x4.mul(x, w1));
            x = v128.load_splat<f32>(q2);
            c0 = f32x4.add(c0, f32x4.mul(x, w0));
            c1 = f32x4.add(c1, f32x4.mul(x, w1));
            x = v128.load_splat<f32>(q3);
            d0 = f32x4.add(d0, f32x4.mul(x, w0));
            d1 = f32x4.add(d1, f32x4.mul(x, w1));
            q0 += 4;
            q1 += 4;
            q2 += 4;
            q3 += 4;
            weights += 32;
          }
          down += rowBytes;
        }
        storeSome(to, a0, count);
        storeSome(to + 16, a1, count - 4);
        to += outBytes;
        if (some > 1) {
          storeSome(to, b0, count);
          storeSome(to + 16, b1, count - 4);
        }
        to += outBytes;
        if (some > 2) {
          storeSome(to, c0, count);
          storeSome(to + 16, c1, count - 4);
        }
        to += outBytes;
        if (some > 3) {
          storeSome(to, d0, count);
          storeSome(to + 16, d1, count - 4);
        }
        to += outBytes;
      }
      panel += panelBytes;
    }
    blockColumn = column;
    blockAt = at;
  }
}
