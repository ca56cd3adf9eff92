// How kinds are listed.
import { expect, it } from "vitest";
import { grouped } from "../kind-list.js";

const groups = [
  { name: "Animals", kinds: ["animal-bird", "animal-bug"] },
  { name: "Symbols", kinds: ["heart"] },
  { name: "Flags", kinds: ["flag"] },
].map(({ name, kinds }) => ({ name, kinds: kinds.map((kind) => ({ name: kind, count: 1 })) }));

it("puts classes under the groups that know them, in the groups' order, and what no group knows behind them", () => {
  const classes = ["mine", "heart", "animal-bug", "yours", "animal-bird"];
  expect(grouped(classes, groups)).toEqual({
    lists: [
      { name: "Animals", labels: [4, 2] },
      { name: "Symbols", labels: [1] },
    ],
    others: [0, 3],
  });
});

it("loses no class, of names that no group knows, of equal names, or without groups", () => {
  expect(grouped(["a", "b"], groups)).toEqual({ lists: [], others: [0, 1] });
  expect(grouped(["heart", "heart"], groups)).toEqual({
    lists: [{ name: "Symbols", labels: [0] }],
    others: [1],
  });
  expect(grouped(["heart"], [])).toEqual({ lists: [], others: [0] });
});
