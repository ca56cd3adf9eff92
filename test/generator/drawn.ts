import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { loadGenerator, type GeneratorSource, type LoadOptions } from "../../src/index.js";

/** An image of whatever is loaded. */
export async function drawnBy(source: GeneratorSource, options: LoadOptions = {}): Promise<number[]> {
  const generator = await loadGenerator(source, options);
  const images = await generator.sample({ seeds: [1], steps: 1 });
  const values = [...(await images.data())];
  images.dispose();
  generator.dispose();
  return values;
}

/** A folder for each test. */
export function temporaryFolder(): () => string {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cfd-distill-load-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return () => folder;
}
