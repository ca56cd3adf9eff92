import * as tf from "@tensorflow/tfjs";
import { expect, it, vi } from "vitest";
import { useBackend } from "../../src/index.js";

// Alone in its process: wasm that failed once does not start again.
it("puts the running engine back, and says why, if the new one does not start", async () => {
  const spies = (["warn", "error", "log"] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation(() => undefined),
  );
  await useBackend("cpu");
  const half = useBackend("wasm", { wasmPaths: { "tfjs-backend-wasm.wasm": "/a.wasm" } });
  await expect(half).rejects.toThrow(
    "useBackend: expected wasmPaths to hold the addresses of tfjs-backend-wasm.wasm and tfjs-backend-wasm-simd.wasm, got",
  );
  const start = useBackend("wasm", { wasmPaths: "/no/such/folder/" });
  await expect(start).rejects.toThrow(/useBackend: expected wasm to start, got a failure .*wasmPaths/);
  vi.stubGlobal("WebAssembly", undefined);
  await expect(useBackend("wasm")).rejects.toThrow(
    "useBackend: expected WebAssembly, got none here; `webgl` and `cpu` compute without it.",
  );
  vi.unstubAllGlobals();
  for (const spy of spies) spy.mockRestore();
  expect(tf.getBackend()).toBe("cpu");
  expect(await tf.add(1, 2).data()).toEqual(Float32Array.of(3));
});
