import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { diagnose } from "../../src/doctor/diagnose.js";
import { probes } from "../../src/doctor/probes/index.js";

// Alone in its process: useBackend, in whatever file comes before, would have installed its cures.
it("diagnoses cpu as TensorFlow.js starts it, as it is, without cures", async () => {
  await tf.setBackend("cpu");
  const reports = await diagnose(
    probes.filter(({ operation }) => operation === "resizeNearestNeighbor, larger"),
  );
  expect(reports).toHaveLength(1);
  const [{ now, stock, cures }] = reports as [(typeof reports)[number]];
  expect(now).toEqual(stock);
  expect(now).toMatchObject({ forward: { verdict: "ok" }, gradient: { verdict: "wrong" } });
  expect(cures).toEqual([]);
});
