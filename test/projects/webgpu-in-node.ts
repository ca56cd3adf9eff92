// Gives Node what a page has: navigator.gpu, from the npm package webgpu (Dawn).
import { ENGINES } from "../../tools/machine.js";

type Dawn = { create: (options: string[]) => object; globals: object };
const { create, globals } = (await import(
  /* @vite-ignore */ `${ENGINES}node_modules/webgpu/index.js`
)) as Dawn;

Object.assign(globalThis, globals);
if (!("navigator" in globalThis)) Object.assign(globalThis, { navigator: {} }); // Node 20
Object.defineProperty(globalThis.navigator, "gpu", { value: create([]), configurable: true });
