// The first file of a worker goes through no loader on Node 20, so TypeScript starts here.
import { register } from "tsx/esm/api";

register();
await import("./replica.ts");
