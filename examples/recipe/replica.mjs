// TypeScript's way in: Node 20 gives a worker's first file to no loader.
import { register } from "tsx/esm/api";

register();
await import("./replica.ts");
