// How the products of rows with panels of 8 columns are divided into units of jobs. A kernel takes what follows each
// other in larger blocks, so units can be small.

/** Of a unit: whole tiles of 4 rows and of 6. */
const ROWS = 12;

/** So few rows stay together, lest tiles are left half empty: then the panels are divided. */
const FEW = 96;
const PARTS = 8;

export interface Division {
  readonly units: number;
  /** A unit's. */
  readonly rows: number;
  readonly panels: number;
}

export function divide(rows: number, columns: number): Division {
  const panels = Math.ceil(columns / 8);
  if (rows > FEW) return { units: Math.ceil(rows / ROWS), rows: ROWS, panels };
  const each = Math.ceil(panels / PARTS);
  return { units: Math.ceil(panels / each), rows, panels: each };
}

/** Operations of one unit of rows of `inner` numbers. */
export const workOf = ({ rows, panels }: Division, inner: number) => 2 * rows * inner * panels * 8;
