// Folders of diffusers as they are met. Fixtures: one network, saved by diffusers' own names in the ways of met/: plain,
// with EMAModel's keys, in two files, in half precision, and as a checkout without Git LFS has it.
import { copyFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { loadDiffusers } from "cfd-distill/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspect } from "../../../src/cli/inspect/inspect.js";
import { inspectionText } from "../../../src/cli/inspect/text.js";
import { disposeParams } from "../../../src/index.js";
import {
  decodeSafetensors,
  diffusersFromFiles,
  encodeSafetensors,
  type StateDict,
} from "../../../src/formats/index.js";
import { onCpuWithoutLeaks } from "../../support/no-leaks.js";

onCpuWithoutLeaks();

const met = fileURLToPath(new URL("../../fixtures/diffusers/met/", import.meta.url));
const WEIGHTS = "diffusion_pytorch_model.safetensors";
const INDEX = `${WEIGHTS}.index.json`;
const SHARDS = [1, 2].map((part) => `diffusion_pytorch_model-0000${part}-of-00002.safetensors`);
const expected = JSON.parse(await readFile(join(met, "expected.json"), "utf8")) as {
  readonly x: number[];
  readonly y: number[];
};
let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "cfd-met-"));
});
afterAll(async () => {
  await rm(home, { recursive: true });
});

/** A copy of one of the folders, with files changed: bytes or text, or null for none. */
async function folder(
  from: string,
  changes: Record<string, Uint8Array | string | null> = {},
): Promise<string> {
  const path = await mkdtemp(join(home, `${from}-`));
  await cp(join(met, from), path, { recursive: true });
  for (const [name, content] of Object.entries(changes)) {
    if (content === null) await rm(join(path, name));
    else await writeFile(join(path, name), content);
  }
  return path;
}
const config = async (from: string) =>
  JSON.parse(await readFile(join(met, from, "config.json"), "utf8")) as Record<string, unknown>;
const bytesOf = (from: string, name: string) => readFile(join(met, from, name));

async function expectAsPlain(path: string, tolerance = 1e-5): Promise<void> {
  const { denoiser, params, size } = await loadDiffusers(path);
  expect(size).toEqual([4, 6]);
  const found = tf.tidy(() => denoiser(tf.tensor4d(expected.x.flat(4), [1, 4, 6, 3]), [0.5]));
  const values = await found.data();
  const off = expected.y.flat(4).map((value, i) => Math.abs(value - values[i]!));
  expect(Math.max(...off)).toBeLessThan(tolerance);
  found.dispose();
  disposeParams(params);
}

describe("the same network comes from", () => {
  it.each([
    ["plain", 1e-5],
    ["ema_config", 1e-5],
    ["sharded", 1e-5],
    ["fp16_variant", 5e-3],
  ])("%s", async (name, tolerance) => {
    await expectAsPlain(join(met, name), tolerance);
  });

  it("block types by their first names, samplers' types that are left open, other state of EMAModel", async () => {
    const old = { down_block_types: ["UNetResDownBlock2D"], up_block_types: ["UNetResUpBlock2D"] };
    const open = { ...(await config("ema_config")), ...old, downsample_type: null, upsample_type: null };
    await expectAsPlain(await folder("plain", { "config.json": `\ufeff${JSON.stringify(open)}` }));
  });

  it("weights whose names wrappers made, and without metadata", async () => {
    const plain = decodeSafetensors(await bytesOf("plain", WEIGHTS));
    const wrapped = Object.entries(plain).map(([name, tensor]) => [
      `_orig_mod.module.${name.replace("resnets.0.", "resnets.0._orig_mod.")}`,
      tensor,
    ]);
    const bytes = encodeSafetensors(Object.fromEntries(wrapped) as StateDict);
    await expectAsPlain(await folder("plain", { [WEIGHTS]: bytes }));
  });

  it("a whole file beside a Git LFS pointer, in whatever format, and beside a variant", async () => {
    const pointer = await bytesOf("lfs_pointer", WEIGHTS);
    await expectAsPlain(await folder("sharded", { [WEIGHTS]: pointer }));
    await expectAsPlain(await folder("fp16_variant", { [WEIGHTS]: await bytesOf("plain", WEIGHTS) }));
    await expectAsPlain(await folder("fp16_variant", { [WEIGHTS]: pointer }), 0.01);
    const both = await folder("plain", { [INDEX]: await bytesOf("sharded", INDEX) });
    for (const shard of SHARDS) await writeFile(join(both, shard), pointer);
    await expectAsPlain(both);
    await rm(join(both, WEIGHTS));
    await expect(loadDiffusers(both)).rejects.toThrow(
      "got a Git LFS pointer in place of the file: `git lfs pull`",
    );
  });

  it("shards of a variant, under both names that diffusers gave its index", async () => {
    for (const name of [
      `${WEIGHTS}.index.fp16.json`,
      "diffusion_pytorch_model.fp16.safetensors.index.json",
    ]) {
      await expectAsPlain(
        await folder("sharded", { [INDEX]: null, [name]: await bytesOf("sharded", INDEX) }),
      );
    }
  });
});

describe("refuses, by name,", () => {
  const indexed = async (change: (map: Record<string, unknown>) => unknown) => {
    const index = JSON.parse(String(await bytesOf("sharded", INDEX))) as {
      weight_map: Record<string, unknown>;
    };
    return JSON.stringify({ ...index, weight_map: change(index.weight_map) });
  };

  it("a Git LFS pointer where there are no other weights, and in place of a config", async () => {
    await expect(loadDiffusers(join(met, "lfs_pointer"))).rejects.toThrow(
      `diffusersFromFiles: expected weights in ${WEIGHTS}, ` +
        "got a Git LFS pointer in place of the file: `git lfs pull` fetches it.",
    );
    const pointer = await bytesOf("lfs_pointer", WEIGHTS);
    await expect(loadDiffusers(await folder("plain", { "config.json": pointer }))).rejects.toThrow(
      /config\.json of diffusers, got a Git LFS pointer/,
    );
  });

  it.each([
    ["a page", "<!DOCTYPE html><html>404</html>", /got an HTML page: <!DOCTYPE html>/],
    ["nothing", "", /got 0 bytes: an empty file/],
    ["a message", '{"error":"gone"}', /got JSON text: \{"error":"gone"\}/],
    ["text", "Entry not found", /got text: Entry not found/],
  ])("%s in place of weights or configs", async (_, content, message) => {
    await expect(loadDiffusers(await folder("plain", { [WEIGHTS]: content }))).rejects.toThrow(message);
    const pickled = { [WEIGHTS]: null, "diffusion_pytorch_model.bin": content };
    await expect(loadDiffusers(await folder("plain", pickled))).rejects.toThrow(message);
    if (content.startsWith("{")) return;
    for (const name of ["config.json", "scheduler_config.json"]) {
      await expect(loadDiffusers(await folder("plain", { [name]: content }))).rejects.toThrow(message);
    }
  });

  it("a missing shard, an entry that is not where the index says, and one in two", async () => {
    const [first, second] = SHARDS as [string, string];
    await expect(loadDiffusers(await folder("sharded", { [second]: null }))).rejects.toThrow(
      `expected every file that ${INDEX} names, got no ${second}.`,
    );
    const moved = await indexed((map) => ({ ...map, "conv_in.bias": second }));
    await expect(loadDiffusers(await folder("sharded", { [INDEX]: moved }))).rejects.toThrow(
      `expected "conv_in.bias" in ${second}, as the index says, got ${first}.`,
    );
    const less = await indexed((map) => ({ ...map, "conv_in.bias": undefined }));
    await expect(loadDiffusers(await folder("sharded", { [INDEX]: less }))).rejects.toThrow(
      `expected "conv_in.bias" in no file, as the index says, got ${first}.`,
    );
    const more = await indexed((map) => ({ ...map, "conv_in.other": second }));
    await expect(loadDiffusers(await folder("sharded", { [INDEX]: more }))).rejects.toThrow(
      `expected "conv_in.other" in ${second}, got a file without it.`,
    );
    const [one, two] = await Promise.all(
      SHARDS.map(async (name) => decodeSafetensors(await bytesOf("sharded", name))),
    );
    const twice = encodeSafetensors({ ...two, "conv_in.bias": one!["conv_in.bias"]! });
    await expect(loadDiffusers(await folder("sharded", { [second]: twice }))).rejects.toThrow(
      `expected "conv_in.bias" in one file, got two, ${second} and another.`,
    );
  });

  it.each(["../plain/model.safetensors", "/etc/model.safetensors", "..\\model.safetensors", "-", 7, null])(
    "an index that names %j",
    async (place) => {
      const bad = await indexed((map) => ({ ...map, "conv_in.bias": place }));
      await expect(loadDiffusers(await folder("sharded", { [INDEX]: bad }))).rejects.toThrow(
        `${INDEX} to name files beside it, for "conv_in.bias", got`,
      );
    },
  );

  it("an index of nothing, of another shape, or with an entry twice", async () => {
    const index = async (text: string) => loadDiffusers(await folder("sharded", { [INDEX]: text }));
    await expect(index('{"weight_map":{}}')).rejects.toThrow("to name entries, got none");
    await expect(index("null")).rejects.toThrow("to have a weight_map of names and files, got undefined");
    await expect(index('{"weight_map":["a"]}')).rejects.toThrow('weight_map of names and files, got ["a"]');
    const twice = `{"weight_map":{"a":"${SHARDS[0]!}","a":"${SHARDS[1]!}"}}`;
    await expect(index(twice)).rejects.toThrow(
      "every name only once in diffusion_pytorch_model.safetensors.index.json",
    );
  });

  it("a page as an index, a broken link, and what is no path", async () => {
    await expect(loadDiffusers(await folder("sharded", { [INDEX]: "<html><p>404" }))).rejects.toThrow(
      `diffusersFromFiles: expected ${INDEX} in JSON, got an HTML page: <html><p>404.`,
    );
    const broken = await folder("plain", { [WEIGHTS]: null });
    await symlink("nowhere", join(broken, WEIGHTS));
    await expect(loadDiffusers(broken)).rejects.toThrow(
      `loadDiffusers: expected a file at ${join(broken, WEIGHTS)}, got ENOENT: no such file`,
    );
    await expect(loadDiffusers(null as never)).rejects.toThrow("expected the path of a folder, got null.");
    await expect(loadDiffusers("\0")).rejects.toThrow("loadDiffusers: expected a folder at \0, got ");
  });

  it("what has no bytes where a file should be, while memory of any kind will do", async () => {
    const names = ["config.json", "scheduler_config.json", WEIGHTS];
    const files = Object.fromEntries(
      await Promise.all(
        names.map(async (name) => [name, new Uint8Array(await bytesOf("plain", name))] as const),
      ),
    );
    const read = (change: object) => () => diffusersFromFiles({ ...files, ...change });
    disposeParams(read({ "config.json": files["config.json"]!.buffer })().params);
    const message = (name: string, got: string) =>
      `diffusersFromFiles (${name}): expected a Uint8Array, got ${got}`;
    expect(read({ [WEIGHTS]: new Response("") })).toThrow(message(WEIGHTS, "a Response: give await"));
    expect(read({ "config.json": "{}" })).toThrow(message("config.json", "{}"));
    expect(read({ "config.json": undefined })).toThrow(message("config.json", "undefined"));
    expect(() => diffusersFromFiles(null as never)).toThrow("files by their paths in the folder, got null.");
  });

  it("several variants, of which none is the plain one", async () => {
    const path = await folder("fp16_variant");
    const other = "diffusion_pytorch_model.non_ema.safetensors";
    await copyFile(join(path, "diffusion_pytorch_model.fp16.safetensors"), join(path, other));
    await expect(loadDiffusers(path)).rejects.toThrow(
      'weights without a variant, or of only one: leave out the others, got ["fp16","non_ema"].',
    );
  });

  it.each([[[4]], [[4, 0]], [[4, 6, 3]], ["4"], [4.5]])("a sample_size of %j", async (size) => {
    const changed = JSON.stringify({ ...(await config("plain")), sample_size: size });
    await expect(loadDiffusers(await folder("plain", { "config.json": changed }))).rejects.toThrow(
      "sample_size to be a size, or a height and a width, got",
    );
  });

  it("blocks that halve by a residual block, which are others", async () => {
    const changed = { ...(await config("plain")), down_block_types: ["ResnetDownsampleBlock2D"] };
    await expect(
      loadDiffusers(await folder("plain", { "config.json": JSON.stringify(changed) })),
    ).rejects.toThrow("block types DownBlock2D and AttnDownBlock2D, got ResnetDownsampleBlock2D");
  });
});

it.each([
  [{ block_out_channels: [2e9], num_class_embeds: 3 }, /no "y_embedding\.weight"|differences|weights/],
  [{ num_class_embeds: 1e12 }, /no "y_embedding\.weight" \[8, 1000000000000\]|weights/],
  [{ block_out_channels: [{ toString: 1 }] }, /multiples of the first, got \[\{"toString":1\}\]/],
  [{ block_out_channels: ["2"] }, /multiples of the first, got \["2"\]/],
  [{ sample_size: 1e300 }, /a sample_size of at most 268435456 pixels, got 1e\+300/],
])("what a config alone asks for is refused before it is made: %j", async (changes, message) => {
  const changed = JSON.stringify({ ...(await config("plain")), ...changes });
  await expect(loadDiffusers(await folder("plain", { "config.json": changed }))).rejects.toThrow(message);
});

it("inspect tells a size of two sides", async () => {
  expect(inspectionText(await inspect(join(met, "plain")))).toMatch(/\nimages +4x6$/);
});
