// Transposed matrices as panels.

/** Four rows of four, from `rowBytes` apart to 32 bytes apart, as columns. */
@inline
export function turn(from: usize, rowBytes: usize, to: usize): void {
  const a = v128.load(from);
  const b = v128.load(from + rowBytes);
  const c = v128.load(from + 2 * rowBytes);
  const d = v128.load(from + 3 * rowBytes);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd2 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
  v128.store(to, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7), 32);
  v128.store(to, v128.shuffle<f32>(ab2, cd2, 0, 1, 4, 5), 64);
  v128.store(to, v128.shuffle<f32>(ab2, cd2, 2, 3, 6, 7), 96);
}

/** The transposed matrix as panels of 8 columns, that is of 8 rows of the matrix; the last is filled up with zeros. */
export function packRows(matrix: usize, panels: usize, rows: i32, columns: i32): void {
  const rowBytes = (<usize>columns) << 2;
  for (let row = 0; row < rows; row += 8) {
    const count = min(8, rows - row);
    let column = 0;
    for (; count == 8 && column + 4 <= columns; column += 4) {
      const from = matrix + ((<usize>column) << 2);
      turn(from, rowBytes, panels);
      turn(from + 4 * rowBytes, rowBytes, panels + 16);
      panels += 128;
    }
    for (; column < columns; column++) {
      let from = matrix + ((<usize>column) << 2);
      for (let i = 0; i < 8; i++) {
        store<f32>(panels + ((<usize>i) << 2), i < count ? load<f32>(from) : 0);
        from += rowBytes;
      }
      panels += 32;
    }
    matrix += 8 * rowBytes;
  }
}
