import { expect, it } from "vitest";
import { diagnose } from "../../src/doctor/diagnose.js";
import type { Probe } from "../../src/doctor/probe.js";
import { probes } from "../../src/doctor/probes/index.js";
import { engine, onEngine } from "./engine.js";

onEngine();

const untimed = (probe: Probe) =>
  Object.fromEntries(Object.entries(probe).filter(([name]) => name !== "larger")) as unknown as Probe;

/** What TensorFlow itself refuses, with an error. */
const refused = engine === "node" ? ["depthwiseConv2d 3x3, strides 1 and 2, same"] : [];

it("every operation that the library needs is right with its cures", async () => {
  // Right or wrong is what counts here; how fast it is takes long where a CPU plays the graphics card.
  const operations = await diagnose(probes.map(untimed));
  const missing = operations.filter(({ now }) => now.forward.verdict === "missing");
  expect(missing.map(({ operation }) => operation)).toEqual(refused);
  const others = operations.filter((operation) => !missing.includes(operation));
  const broken = others.flatMap(({ operation, now }) =>
    Object.entries(now).flatMap(([pass, { verdict, note }]) =>
      verdict === "wrong" || verdict === "missing" ? [`${operation}, ${pass}: ${verdict}, ${note}`] : [],
    ),
  );
  expect(broken).toEqual([]);
}, 300_000);
