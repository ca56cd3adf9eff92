/** Where the tests' server has the engine's `.wasm` files. */
export const wasmPaths = "/node_modules/@tensorflow/tfjs-backend-wasm/dist/";
