import { mkdir } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { encodePng } from "cfd-distill/node";
import { tensorboard } from "../../examples/recipe/index.js";
import { inFolder } from "./exchange.js";
import { python } from "./python.js";

it("TensorBoard reads the event files of a run that was interrupted: each step once, and the last picture", async () => {
  const picture = Buffer.from(encodePng({ width: 3, height: 2, data: new Uint8Array(18).fill(99) }));
  await inFolder(async (path) => {
    await mkdir(path(""), { recursive: true });
    const first = tensorboard(path(""));
    for (const step of [50, 100, 150]) {
      first.logged!({ stage: "cfd-2", step, loss: step / 8, diversity: 0 });
    }
    first.drawn!(Buffer.from(encodePng({ width: 1, height: 1, data: new Uint8Array(3) })));
    await setTimeout(2); // a file is named after its millisecond
    const again = tensorboard(path(""));
    for (const step of [100, 150, 2 ** 40])
      again.logged!({ stage: "cfd-2", step, loss: -step, diversity: 0 });
    again.drawn!(picture);

    const steps = [50, 100, 150, 2 ** 40];
    expect(JSON.parse(await python("tensorboard_events.py", path("tensorboard")))).toEqual({
      "cfd-2": {
        scalars: {
          loss: steps.map((step) => [step, step === 50 ? 50 / 8 : -step]),
          diversity: steps.map((step) => [step, 0]),
        },
        images: {},
      },
      samples: { scalars: {}, images: { samples: [[3, 2, picture.toString("base64")]] } },
    });
  });
});
