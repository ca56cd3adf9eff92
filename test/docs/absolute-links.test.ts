import { describe, expect, it } from "vitest";
import { absoluteLinks } from "../../tools/package/absolute-links.js";

describe("absoluteLinks", () => {
  it("makes links to files absolute and leaves addresses and parts of the page alone", () => {
    const page =
      "![a picture](docs/a.png) [a page](docs/b.md#part), [`code`](c) [d](https://d.e/f) [g](#h) [i](mailto:j)";
    const wanted =
      "![a picture](https://a.example/b/c/raw/HEAD/docs/a.png) " +
      "[a page](https://a.example/b/c/blob/HEAD/docs/b.md#part), [`code`](https://a.example/b/c/blob/HEAD/c) " +
      "[d](https://d.e/f) [g](#h) [i](mailto:j)";
    expect(absoluteLinks(page, "git+https://a.example/b/c.git")).toBe(wanted);
    expect(absoluteLinks(page, "https://a.example/b/c")).toBe(wanted);
  });
});
