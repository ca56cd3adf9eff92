import { expect, it } from "vitest";
import { backendReport } from "../../src/index.js";
import { onEngine } from "./engine.js";

onEngine();

it("every operation that the library needs is right with its cures", async () => {
  const { operations } = await backendReport();
  const broken = operations.flatMap(({ operation, now }) =>
    Object.entries(now).flatMap(([pass, { verdict, note }]) =>
      verdict === "wrong" || verdict === "missing" ? [`${operation}, ${pass}: ${verdict}, ${note}`] : [],
    ),
  );
  expect(broken).toEqual([]);
}, 300_000);
