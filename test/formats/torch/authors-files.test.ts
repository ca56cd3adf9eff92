// Fixtures: python scripts/reference/make_authors_files.py, with PyTorch 2.13.
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { differencesToAuthors } from "../../support/authors-files.js";
import { onWasmWithoutLeaks } from "../../support/no-leaks.js";

onWasmWithoutLeaks();

it("the authors' checkpoints draw and judge as in PyTorch, from their files on", async () => {
  const folder = fileURLToPath(new URL("../../fixtures/authors/", import.meta.url));
  for (const [name, difference] of await differencesToAuthors(folder)) {
    expect(difference, name).toBeLessThan(1e-5);
  }
});
