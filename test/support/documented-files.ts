import { cpSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import {
  cosineSchedule,
  createRng,
  disposeParams,
  encodeCheckpoint,
  resnet,
  unet,
  type Params,
} from "../../src/index.js";

/** Writes the files that the documentation's examples read, small ones, under the names that the examples have for them. */
export async function writeDocumentedFiles(root: string, folder: string): Promise<void> {
  const fixtures = `${root}/test/fixtures`;
  for (const name of ["base.pt", "ckpt.pt"]) cpSync(`${fixtures}/docs/base.pt`, `${folder}/${name}`);
  cpSync(`${fixtures}/authors/densenet.pt`, `${folder}/densenet201.pt`);
  for (const name of ["ddpm-cifar10-32", "model"]) {
    cpSync(`${fixtures}/diffusers/ddim`, `${folder}/${name}`, { recursive: true });
  }
  await writeCheckpoints(folder);
}

async function writeCheckpoints(folder: string): Promise<void> {
  const small = { channels: 8, multipliers: [1, 2], attention: [1], blocks: 1, groups: 4, timeScale: 8 };
  const student = unet({ ...small, classes: 18 });
  const model = { schedule: cosineSchedule(), predictionType: "x0", steps: 1 } as const;
  const classifier = resnet({ blocks: [1, 1], width: 4, classes: 9 });
  const written: [string, Params, (params: Params) => Promise<Uint8Array>][] = [
    [
      "student",
      student.init(createRng(0)),
      (params) => encodeCheckpoint({ ...model, network: student, params, imageShape: [32, 32, 3] }),
    ],
    [
      "classifier",
      classifier.init(createRng(1)),
      (params) => encodeCheckpoint({ network: classifier, params }),
    ],
  ];
  for (const [name, params, encode] of written) {
    await writeFile(`${folder}/${name}.safetensors`, await encode(params));
    disposeParams(params);
  }
}

/** `fetch` for addresses relative to a page: its server's files are those of the working folder. */
export async function fetchFromFolder(address: string): Promise<Response> {
  try {
    return new Response(await readFile(address));
  } catch {
    return new Response(null, { status: 404 });
  }
}
