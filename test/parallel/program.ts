// Run by failures.test.ts: connects, and leaves it to Node to end.
import { connectReplicas } from "../../src/index.js";
import { startWorkers } from "../../src/node.js";

startWorkers(new URL("data:text/javascript,setInterval(() => {}, 1000)"), 1); // never asked for anything
const workers = startWorkers(new URL("./replica.mjs", import.meta.url), 1);
const replicas = await connectReplicas(workers, { engine: "cpu", task: "classifier" });
console.log(`connected ${replicas.count}, then ended`);
