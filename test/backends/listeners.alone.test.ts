import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

// What becomes of a program's own errors, in processes of their own.

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program after some imports, with the engine or as if there were none. */
async function run(program: string): Promise<Ended> {
  const imports = `import * as tf from "@tensorflow/tfjs"; import { useBackend } from "./src/index.js"; import "./src/backends/wasm.js";`;
  const node = ["--import", "tsx", "--input-type=module", "--eval", `${imports}\n${program}`];
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, node, { timeout: 30_000 })) };
  } catch (error) {
    return error as Ended;
  }
}

const start = `await useBackend("wasm", { threads: 2 });`;
const failing = `
  for (const level of ["log", "warn"]) console[level] = () => undefined;
  await useBackend("wasm", { wasmPaths: "/no/such/folder/" }).catch((error) => process.stdout.write(error.message));`;

it.each([
  ["a start, an error that nobody catches", start, `setTimeout(() => { throw new TypeError("my own"); });`],
  ["a start that fails, a rejection", failing, `void Promise.reject(new TypeError("my own"));`],
])("after %s is printed as it is, and ends in 1", async (_, before, mistake) => {
  const { code, stderr } = await run(`${before}\n${mistake}`);
  expect(code).toBe(1);
  expect(stderr).toContain("TypeError: my own\n    at ");
  expect(stderr).not.toContain("tfjs-backend-wasm");
  expect(stderr.length).toBeLessThan(3000);
});

it("a program's own listeners stay: from before, from during the start, and when the engine is removed", async () => {
  const { code, stdout, stderr } = await run(`
    const [events, marks] = [["uncaughtException", "unhandledRejection"], []];
    const watching = process.listenerCount("newListener");
    const count = () => events.map((event) => process.listenerCount(event)).join();
    for (const event of events) process.on(event, () => marks.push("early " + event));
    const starting = useBackend("wasm", { threads: 1 });
    const alike = (reason) => { throw reason; };
    process.on("unhandledRejection", alike);
    for (const event of events) process.on(event, () => marks.push("late " + event));
    await starting;
    const after = count();
    process.off("unhandledRejection", alike);
    tf.removeBackend("wasm");
    void Promise.reject(new Error("mine"));
    setTimeout(() => { throw new Error("mine"); });
    setTimeout(() => console.log(JSON.stringify([after, count(), process.listenerCount("newListener") - watching, marks])), 50);
  `);
  expect(stderr.replace(/^[\s\S]*?=+\s*$/gm, "")).not.toContain("Error");
  expect(code).toBe(0);
  const [after, removed, watchers, marks] = JSON.parse(stdout.trim().split("\n").at(-1)!) as unknown[];
  expect([after, removed, watchers]).toEqual(["2,3", "2,2", 0]);
  expect(new Set(marks as string[])).toEqual(
    new Set([
      "early uncaughtException",
      "late uncaughtException",
      "early unhandledRejection",
      "late unhandledRejection",
    ]),
  );
});
