import { it } from "vitest";
import { differencesToAuthors } from "../support/authors-files.js";
import { onWasmWithoutLeaks } from "../support/no-leaks.js";
import { inFolder, report } from "./exchange.js";
import { python } from "./python.js";

onWasmWithoutLeaks();

it("the authors' checkpoints, as this PyTorch saves them, draw and judge as in PyTorch", async () => {
  await inFolder(async (path) => {
    await python("../../scripts/reference/make_authors_files.py", path(""));
    for (const [name, difference] of await differencesToAuthors(path(""))) {
      const reader = name.endsWith("images") ? "unetFromTorch" : "classifierFromTorch";
      report(`readTorchCheckpoint and ${reader}, ${name}`, difference, 1e-5);
    }
  });
});
