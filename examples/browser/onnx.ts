import { env, InferenceSession, type Tensor } from "onnxruntime-web/wasm";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

env.wasm.wasmPaths = { wasm };
env.wasm.numThreads = 1; // more ask for the headers above

/** Loads a graph that `samplerToOnnx` wrote, as a function from `noise` (and `labels`, if it has classes) to images. */
export async function loadStudent(
  address: string,
): Promise<(feeds: Record<string, Tensor>) => Promise<Tensor>> {
  const session = await InferenceSession.create(address);
  return async (feeds) => (await session.run(feeds)).images!; // [count, 3, height, width] in [-1, 1]
}

/** Paints one image, [1, 3, height, width]. */
export function paint(canvas: HTMLCanvasElement, image: Tensor): void {
  const pixels = image.toImageData({ format: "RGB", norm: { mean: 127.5, bias: -1 } });
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
}
