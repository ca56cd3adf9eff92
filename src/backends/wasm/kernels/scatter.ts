// Sums whose places the data itself tells. A unit is some channels, which no other unit writes.

/** Channels of a unit: a line of the cache. */
const SLICE: i32 = 16;

/** Rows of x summed by the segments that `ids` gives them; rows of other segments are left out. */
export function sumSegments(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  ids: usize,
  to: usize,
  rows: i32,
  segments: i32,
  channels: i32,
): void {
  const stride = (<usize>channels) << 2;
  for (let unit = first; unit < end; unit++) {
    const channel = (<usize>(unit * SLICE)) << 2;
    const bytes = (<usize>min(SLICE, channels - unit * SLICE)) << 2;
    for (let segment: usize = 0; segment < <usize>segments; segment++) {
      memory.fill(to + segment * stride + channel, 0, bytes);
    }
    for (let row: usize = 0; row < <usize>rows; row++) {
      const segment = load<i32>(ids + (row << 2));
      if (segment < 0 || segment >= segments) continue;
      const from = x + row * stride + channel;
      const sum = to + <usize>segment * stride + channel;
      for (let at: usize = 0; at < bytes; at += 4) {
        store<f32>(sum + at, load<f32>(sum + at) + load<f32>(from + at));
      }
    }
  }
}

/** Where the first maximum of a channel lies in a window of an image: the last NaN, if there is one. */
@inline
function maximum(x: usize, top: i32, bottom: i32, left: i32, right: i32, width: i32, stride: usize): usize {
  let best = x + <usize>(top * width + left) * stride;
  let most = load<f32>(best);
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const at = x + <usize>(row * width + column) * stride;
      const value = load<f32>(at);
      if (value > most || value != value) {
        most = value;
        best = at;
      }
    }
  }
  return best;
}

/** The gradient of a max pool: dy goes to the first maximum of each window. A unit is some channels of an image. */
export function maxPoolGradient(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  dy: usize,
  dx: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filterHeight: i32,
  filterWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
): void {
  const slices = (channels + SLICE - 1) / SLICE;
  const stride = (<usize>channels) << 2;
  for (let unit = first; unit < end; unit++) {
    const image = <usize>(unit / slices);
    const channel = (unit % slices) * SLICE;
    const bytes = (<usize>min(SLICE, channels - channel)) << 2;
    const skip = image * <usize>(height * width) * stride + ((<usize>channel) << 2);
    let from = dy + image * <usize>(outHeight * outWidth) * stride + ((<usize>channel) << 2);
    for (let pixel: usize = 0; pixel < <usize>(height * width); pixel++) {
      memory.fill(dx + skip + pixel * stride, 0, bytes);
    }
    for (let row = -padTop; row < outHeight * strideHeight - padTop; row += strideHeight) {
      const top = max(0, row);
      const bottom = min(height, row + filterHeight);
      for (let column = -padLeft; column < outWidth * strideWidth - padLeft; column += strideWidth) {
        const left = max(0, column);
        const right = min(width, column + filterWidth);
        for (let at: usize = 0; at < bytes; at += 4) {
          const best = maximum(x + skip + at, top, bottom, left, right, width, stride);
          const to = dx + (best - x);
          store<f32>(to, load<f32>(to) + load<f32>(from + at));
        }
        from += stride;
      }
    }
  }
}
