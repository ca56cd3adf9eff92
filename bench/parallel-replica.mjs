import { register } from "tsx/esm/api";

register();
await import("./parallel-replica.ts");
