// Operations on the rows of a matrix.

/** Adds `row` to each of the rows of a matrix. */
export function addRow(matrix: usize, row: usize, rows: i32, columns: i32): void {
  const rowBytes = (<usize>columns) << 2;
  const full = rowBytes & ~15;
  for (let i = 0; i < rows; i++) {
    let at: usize = 0;
    for (; at < full; at += 16) {
      v128.store(matrix + at, f32x4.add(v128.load(matrix + at), v128.load(row + at)));
    }
    for (; at < rowBytes; at += 4) store<f32>(matrix + at, load<f32>(matrix + at) + load<f32>(row + at));
    matrix += rowBytes;
  }
}
