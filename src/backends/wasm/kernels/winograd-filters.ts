// Filters of 3 x 3 taps as the panels of as many matrices as a tile has places, and back. Channels come in fours. Taps
// lie far apart, often at a power of 2, so that all of them share a set of the cache: they pass through the room, 16
// outputs at a time.

import { turn } from "./transpose";
import { transformTapsBackwards, N0, NP, NQ, P, Q, transformTaps } from "./winograd-lines";
import { hold } from "./winograd-tiles";

const PLACES: usize = 36;
const LINE_BYTES: usize = 96;

/** Room: for a filter of 4 channels on its way, and for the taps of 16 outputs, of as many as 8 inputs. */
const TAPS: usize = 288;
const LINES: usize = TAPS + 9 * 64;

/** Copies the taps of some outputs, 64 bytes at most. */
@inline
function copyTaps(from: usize, apart: usize, to: usize, toApart: usize, bytes: usize): void {
  for (let tap: usize = 0; tap < 9; tap++) {
    for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at));
    from += apart;
    to += toApart;
  }
}

/** G g G^T of four channels: the places `apart` bytes from each other. */
@inline
function transformFilter(
  from: usize,
  tapBytes: usize,
  to: usize,
  apart: usize,
  room: usize,
  n0: v128,
  nP: v128,
  nP1: v128,
  nP2: v128,
  nQ: v128,
  nQ1: v128,
  nQ2: v128,
): void {
  for (let row: usize = 0; row < 3; row++) {
    // prettier-ignore
    transformTaps(from + 3 * row * tapBytes, tapBytes, room + row * LINE_BYTES, 16, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
  }
  for (let column: usize = 0; column < 6; column++) {
    // prettier-ignore
    transformTaps(room + (column << 4), LINE_BYTES, to + column * apart, 6 * apart, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
  }
}

/** Filters [3, 3, inputs, outputs] as panels of the matrices [inputs, outputs]; a unit is a panel of each of them. */
export function packFilters(
  first: i32,
  end: i32,
  room: usize,
  weights: usize,
  panels: usize,
  inputs: i32,
  outputs: i32,
  matrixBytes: usize,
): void {
  const n0 = hold(room, 0, N0);
  const nP = hold(room, 1, NP);
  const nP1 = hold(room, 2, NP * P);
  const nP2 = hold(room, 3, NP * P * P);
  const nQ = hold(room, 4, NQ);
  const nQ1 = hold(room, 5, NQ * Q);
  const nQ2 = hold(room, 6, NQ * Q * Q);
  const tapBytes = (<usize>(inputs * outputs)) << 2;
  const panelBytes = (<usize>inputs) << 5;
  const stop = min(end << 3, outputs);
  panels += <usize>first * panelBytes;
  for (let input = 0; input < inputs; input++) {
    let to = panels;
    for (let output = first << 3; output < stop; output += 16) {
      const bytes = (<usize>min(16, stop - output)) << 2;
      copyTaps(weights + ((<usize>(input * outputs + output)) << 2), tapBytes, room + TAPS, 64, bytes);
      for (let at: usize = 0; at < bytes; at += 16) {
        // prettier-ignore
        transformFilter(room + TAPS + at, 64, to, matrixBytes, room, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
        to += at & 16 ? panelBytes - 16 : 16;
      }
    }
    for (let place: usize = 0; stop & 4 && place < PLACES; place++) {
      v128.store(to + place * matrixBytes, f32x4.splat(0));
    }
    panels += 32;
  }
}

/** Taps of 8 inputs and some outputs, from the last to the first, each as rows of 8 inputs; fewer are filled up with zeros. */
@inline
function turnTaps(last: usize, apart: usize, rowBytes: usize, inputs: i32, to: usize, bytes: usize): void {
  for (let tap: usize = 0; tap < 9; tap++) {
    for (let at: usize = 0; at < bytes; at += 16) {
      turn(last + at, rowBytes, to);
      if (inputs > 4) turn(last + 4 * rowBytes + at, rowBytes, to + 16);
      else for (let i: usize = 0; i < 128; i += 32) v128.store(to + i, f32x4.splat(0), 16);
      to += 128;
    }
    last -= apart;
    to += 512 - (bytes << 3);
  }
}

/** {@link packFilters} of the filters turned round and their channels exchanged: the matrices are [outputs, inputs]. */
export function packTurned(
  first: i32,
  end: i32,
  room: usize,
  weights: usize,
  panels: usize,
  inputs: i32,
  outputs: i32,
  matrixBytes: usize,
): void {
  const n0 = hold(room, 0, N0);
  const nP = hold(room, 1, NP);
  const nP1 = hold(room, 2, NP * P);
  const nP2 = hold(room, 3, NP * P * P);
  const nQ = hold(room, 4, NQ);
  const nQ1 = hold(room, 5, NQ * Q);
  const nQ2 = hold(room, 6, NQ * Q * Q);
  const tapBytes = (<usize>(inputs * outputs)) << 2;
  const rowBytes = (<usize>outputs) << 2;
  const last = weights + 8 * tapBytes;
  for (let unit = first; unit < end; unit++) {
    const from = last + (<usize>unit << 3) * rowBytes;
    let to = panels + <usize>unit * (rowBytes << 3);
    for (let output: usize = 0; output < rowBytes; output += 64) {
      const bytes = min(64, rowBytes - output);
      turnTaps(from + output, tapBytes, rowBytes, inputs - (unit << 3), room + TAPS, bytes);
      for (let at: usize = 0; at < bytes << 3; at += 16) {
        transformFilter(room + TAPS + at, 512, to, matrixBytes, room, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
        to += 16;
      }
    }
  }
}

/**
 * The gradient of {@link packFilters}, G^T u G: tiles [dy panels, x panels, 4, 8] of each place to a filter
 * [3, 3, inputs, outputs]. A unit is two panels of dy and one of x.
 */
export function transformFiltersBackwards(
  first: i32,
  end: i32,
  room: usize,
  sums: usize,
  filter: usize,
  inputs: i32,
  outputs: i32,
  matrixBytes: usize,
): void {
  const n0 = hold(room, 0, N0);
  const nP = hold(room, 1, NP);
  const nP1 = hold(room, 2, NP * P);
  const nP2 = hold(room, 3, NP * P * P);
  const nQ = hold(room, 4, NQ);
  const nQ1 = hold(room, 5, NQ * Q);
  const nQ2 = hold(room, 6, NQ * Q * Q);
  const each = inputs >> 2;
  const rowBytes = (<usize>outputs) << 2;
  const tapBytes = <usize>inputs * rowBytes;
  for (let unit = first; unit < end; unit++) {
    const output = (unit / each) << 4;
    const panel = <usize>(unit % each);
    const bytes = (<usize>min(16, outputs - output)) << 2;
    let to = filter + (panel << 2) * rowBytes + ((<usize>output) << 2);
    // Place by place, since few streams of memory are fetched ahead.
    for (let column: usize = 0; column < 6; column++) {
      let line = room + LINES + (column << 4);
      for (let input: usize = 0; input < 4; input++) {
        for (let at: usize = 0; at < bytes; at += 16) {
          const tile = <usize>((output >> 3) + <i32>(at >> 5)) * <usize>each + panel;
          const from = sums + (tile << 7) + (input << 5) + (at & 16) + column * matrixBytes;
          // prettier-ignore
          transformTapsBackwards(from, 6 * matrixBytes, line, LINE_BYTES, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
          line += 3 * LINE_BYTES;
        }
      }
    }
    let line = room + LINES;
    for (let input: usize = 0; input < 4; input++) {
      for (let at: usize = 0; at < bytes; at += 16) {
        for (let row: usize = 0; row < 3; row++) {
          // prettier-ignore
          transformTapsBackwards(line, 16, room + TAPS + 3 * row * 64 + at, 64, n0, nP, nP1, nP2, nQ, nQ1, nQ2);
          line += LINE_BYTES;
        }
      }
      copyTaps(room + TAPS, 64, to, tapBytes, bytes);
      to += rowBytes;
    }
  }
}
