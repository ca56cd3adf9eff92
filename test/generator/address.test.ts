import { afterEach, describe, expect, it, vi } from "vitest";
import { addressOf } from "../../src/generator/address.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

const of = (source: string | URL) => addressOf("load", source).href;

describe("an address of the Hub", () => {
  it.each([
    ["hub:owner/model/file.safetensors", "owner/model/resolve/main/file.safetensors"],
    ["hub:o-w_n.er/m/a/b c.safetensors@v1.0", "o-w_n.er/m/resolve/v1.0/a/b%20c.safetensors"],
    ["hub:owner/model/f@refs/pr/1", "owner/model/resolve/refs%2Fpr%2F1/f"],
    ["hub:owner/model/a@b.safetensors@main", "owner/model/resolve/main/a%40b.safetensors"],
    ["hub:owner/model/50%?#.safetensors", "owner/model/resolve/main/50%25%3F%23.safetensors"],
  ])("%s", (text, path) => {
    expect(of(text)).toBe(`https://huggingface.co/${path}`);
  });

  const [owner, path, revision] = ["with the Hub's owner and model", "with a file's path", "a branch, tag"];
  it.each([
    ["hub:", owner],
    ["hub:model", owner],
    ["hub:../model/f", owner],
    ["hub:owner/../f", owner],
    ["hub:owner/a--b/f", owner],
    ["hub:owner/-a/f", owner],
    ["hub:owner/a.git/f", owner],
    ["hub:owner/a b/f", owner],
    [`hub:owner/${"a".repeat(97)}/f`, owner],
    ["hub:owner/model", path],
    ["hub:owner/model/", path],
    ["hub:owner/model/../../../other/f", path],
    ["hub:owner/model/a//f", path],
    ["hub:owner/model/./f", path],
    ["hub:owner/model/a\\..\\f", path],
    ["hub:owner/model/a\nf", path],
    ["hub:owner/model/f@", revision],
    ["hub:owner/model/f@../x", revision],
    ["hub:owner/model/f@a/../b", revision],
    ["hub:owner/model/f@a//b", revision],
    ["hub:owner/model/f@-a", revision],
    ["hub:owner/model/f@a b", revision],
    ["hub:owner/model/f@a?b", revision],
    ["hub:owner/model/f@a.lock", revision],
    ["hub:owner/model/f@a/", revision],
  ])("is not %j", (text, expected) => {
    expect(() => of(text)).toThrow(
      `load: expected hub:owner/model/file.safetensors, or with @revision behind it, `,
    );
    expect(() => of(text)).toThrow(expected);
  });
});

describe("other addresses", () => {
  it("are whole ones in Node, or are refused with what to do", () => {
    expect(of("https://example.org/a?b=1#c")).toBe("https://example.org/a?b=1");
    expect(of(new URL("file:///tmp/a"))).toBe("file:///tmp/a");
    expect(() => of("student.safetensors")).toThrow(
      "load: expected a whole address such as https://example.org/student.safetensors, or the file's bytes: " +
        "loadGenerator(await readFile(path)), got student.safetensors.",
    );
    expect(() => of("")).toThrow("load: expected an address, got an empty text.");
  });

  it("are relative to the page, or to the script of a worker", () => {
    vi.stubGlobal("location", { href: "https://example.org/js/worker.js" });
    expect(of("../a.safetensors")).toBe("https://example.org/a.safetensors");
    vi.stubGlobal("document", { baseURI: "https://example.org/pages/" });
    expect(of("a.safetensors")).toBe("https://example.org/pages/a.safetensors");
    vi.stubGlobal("document", undefined);
    vi.stubGlobal("location", { href: "blob:https://example.org/1" });
    expect(() => of("a")).toThrow(
      "load: expected an address that goes with blob:https://example.org/1, got a.",
    );
  });

  it.each([
    ["C:\\models\\a.safetensors", "an address of http or https, got C:\\models\\a.safetensors."],
    ["javascript:alert(1)", "an address of http or https"],
    ["ftp://example.org/a", "an address of http or https"],
    ["https://me:secret@example.org/a", "an address without a password, got example.org."],
  ])("are not %s", (text, message) => {
    expect(() => of(text)).toThrow(`load: expected ${message}`);
  });
});
