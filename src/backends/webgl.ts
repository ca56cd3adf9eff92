import * as tf from "../tfjs.js";
import { MathBackendWebGL } from "@tensorflow/tfjs-backend-webgl";
import { check, fail } from "../check.js";
import { registerEngine } from "./engine.js";
import { guard } from "./lost.js";
import { keepNaN, losesNaN, losingNaN } from "./nan.js";
import { clipByValue, relu } from "./webgl/pointwise.js";

function prepare(): void {
  const canDraw = typeof OffscreenCanvas === "function" || typeof document === "object";
  const browser = "a page, or a worker that has OffscreenCanvas, since webgl needs a browser";
  check(canDraw && Boolean(tf.findBackendFactory("webgl")), "useBackend", browser, "neither");
  const env = tf.env();
  const enable = "WebGL, which the driver and the browser's settings (hardware acceleration) must allow";
  check(env.getBool("HAS_WEBGL"), "useBackend", enable, "none");
  // With 16 bits Adam's epsilon is zero and small gradients vanish.
  const precise = "WebGL that computes in float32 (else take wasm or webgpu)";
  check(
    env.getBool("WEBGL_RENDER_FLOAT32_ENABLED"),
    "useBackend",
    precise,
    "float16, in which nothing trains",
  );
  // Else the kernels of cpu would silently compute what is small.
  env.set("WEBGL_CPU_FORWARD", false);
}

function running(): MathBackendWebGL {
  const backend: object = tf.backend();
  if (backend instanceof MathBackendWebGL) return backend;
  return fail(
    "useBackend",
    "the webgl engine of @tensorflow/tfjs-backend-webgl",
    "another one (of a second copy?)",
  );
}

registerEngine({
  name: "webgl",
  version: tf.version_core,
  cures: () => [
    { kernel: tf.Relu, why: "NaN at minus infinity", build: () => relu },
    { kernel: tf.ClipByValue, why: "infinity stays as it is", build: () => clipByValue },
    losesNaN(tf.Elu, keepNaN),
    ...losingNaN,
  ],
  prepare,
  device() {
    const { gl } = running().gpgpu;
    const names = gl.getExtension("WEBGL_debug_renderer_info"); // absent where the plain name tells all
    return String(gl.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER));
  },
  started() {
    const { gpgpu } = running();
    const { gl } = gpgpu;
    guard("webgl", {
      passages: ["runWebGLProgram", "uploadToGPU", "read", "readSync"],
      isLost: () => gl.isContextLost(),
      onLoss(lose) {
        gl.canvas.addEventListener("webglcontextlost", () => {
          lose("the graphics context");
          Object.assign(gpgpu, { itemsToPoll: [] }); // it would ask for ever whether the lost work is done
        });
      },
    });
  },
});
