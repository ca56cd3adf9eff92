// TypeScript's way in: Node 20 gives a worker's first file to no loader. A bundled or compiled program needs no such file.
import { register } from "tsx/esm/api";

register();
await import("./parallel-replica.ts");
