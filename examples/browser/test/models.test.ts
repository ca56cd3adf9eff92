// Files of models: who hears of them, and for how long.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, it, vi } from "vitest";
import { shippedModel } from "../models.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const shipped = { id: "cfd-1", file: "cfd-1.safetensors", method: "cfd", steps: 1 } as const;

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A model on a host that answers so, one after the other. */
function hosted(...answers: readonly (() => Response)[]) {
  const fetched = vi.fn<typeof fetch>();
  for (const answer of answers) fetched.mockImplementationOnce(() => Promise.resolve(answer()));
  vi.stubGlobal("document", { baseURI: "http://page.test/" });
  vi.stubGlobal("fetch", fetched);
  return { fetched, model: shippedModel(shipped) };
}

const file = () => new Response(new Uint8Array([1, 2, 3]), { headers: { "content-length": "3" } });

it("fetches a file once, and tells all who ask while it comes", async () => {
  const { model, fetched } = hosted(file);
  const heard = [vi.fn(), vi.fn()];
  await Promise.all(heard.map((tell) => model.bytes(tell)));
  for (const tell of heard) expect(tell.mock.calls).toEqual([[{ loaded: 3, total: 3 }]]);
  expect([...(await model.bytes())]).toEqual([1, 2, 3]);
  expect(fetched).toHaveBeenCalledTimes(1);
});

it("fetches again after a failure, and tells whoever asks then alone", async () => {
  const { model } = hosted(() => new Response(null, { status: 404 }), file);
  const [before, after] = [vi.fn(), vi.fn()];
  await expect(model.bytes(before)).rejects.toThrow("cfd-1.safetensors is missing on this site");
  await model.bytes(after);
  expect([before.mock.calls.length, after.mock.calls.length]).toEqual([0, 1]);
});

it("keeps nobody who asks for a file that is there", async () => {
  const { model } = hosted(file);
  await model.bytes();
  const ask = () => {
    const tell = () => undefined;
    void model.bytes(tell);
    return new WeakRef(tell);
  };
  const asked = ask();
  await new Promise((resolve) => setTimeout(resolve)); // until then a reference is kept
  collect();
  expect(asked.deref()).toBeUndefined();
  expect(model.id).toBe("cfd-1"); // while the model lives
});
