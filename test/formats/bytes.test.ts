import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { bytesOf, contentOf, fileBytes } from "../../src/formats/bytes.js";
import { parseJson, parseJsonBytes } from "../../src/formats/json.js";

const text = (content: string) => new TextEncoder().encode(content);
const refusal = (source: unknown) => () => bytesOf("here", source);

describe("bytesOf", () => {
  it("takes a view of bytes or their memory, of any realm, where it lies", () => {
    const { buffer } = Uint8Array.of(9, 1, 2, 3);
    const shared = new SharedArrayBuffer(3);
    new Uint8Array(shared).set([1, 2, 3]);
    const sources: unknown[] = [
      new Uint8Array(buffer, 1),
      new Uint8ClampedArray(buffer, 1),
      new Int8Array(buffer, 1),
      new DataView(buffer, 1),
      Buffer.from([1, 2, 3]),
      buffer.slice(1),
      shared,
      new Uint8Array(shared),
      ...["", ".buffer"].map((part) => runInNewContext(`Uint8Array.of(1, 2, 3)${part}`) as unknown),
      runInNewContext("new DataView(Uint8Array.of(1, 2, 3).buffer)"),
      runInNewContext("const s = new SharedArrayBuffer(3); new Uint8Array(s).set([1, 2, 3]); s"),
    ];
    for (const source of sources) {
      const bytes = bytesOf("here", source);
      expect([...bytes]).toEqual([1, 2, 3]);
      expect(bytes).toBeInstanceOf(Uint8Array);
      expect(new TextDecoder().decode(bytes)).toBe("\x01\x02\x03");
    }
    expect(bytesOf("here", new DataView(buffer, 1)).buffer).toBe(buffer);
  });

  it("names what is none, without its numbers", () => {
    const expected = "here: expected a Uint8Array, got ";
    const cases: [unknown, string][] = [
      [new Float32Array(1e5), "a Float32Array, whose elements are no bytes."],
      [Array.from({ length: 1e5 }, () => 1), "a list of length 100000."],
      [runInNewContext("[1, 2]"), "a list of length 2."],
      [new Response("x"), "a Response: give await response.arrayBuffer()."],
      [new Blob(["x"]), "a Blob: give await blob.arrayBuffer()."],
      [new File(["x"], "x"), "a File: give await file.arrayBuffer()."],
      [Promise.resolve(), "a promise: await it first."],
      [new Response("x").body, "a stream: give await new Response(stream).arrayBuffer()."],
      [{ [Symbol.toStringTag]: "Uint8Array" }, "an object (Uint8Array)."],
      [{ toString: 1 }, "an object (Object)."],
      [Object.create(null), "an object (Object)."],
      ["model.safetensors", "model.safetensors."],
      [7, "7."],
      [null, "null."],
      [undefined, "undefined."],
    ];
    for (const [source, got] of cases) expect(refusal(source), got).toThrow(expected + got);
    const away = Uint8Array.of(1);
    structuredClone(away, { transfer: [away.buffer] });
    expect(refusal(away.buffer)).toThrow("got memory that was given away (detached)");
    expect(refusal(away)).toThrow("got memory that was given away (detached)");
  });
});

describe("fileBytes", () => {
  const page = "\ufeff \n<!DOCTYPE html>\n<html><head><title>404</title>";
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n";
  it("names what stands in place of a file", () => {
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(0), "0 bytes: an empty file"],
      [text(" \n"), "a file of blanks"],
      [text(page), "an HTML page: <!DOCTYPE html> <html><head><title>404</title>"],
      [Uint8Array.of(...text("<html>"), 0xe9, 0x20), "an HTML page: <html>"], // in Latin-1
      [text('<?xml version="1.0"?><Error>'), 'a page of HTML or XML: <?xml version="1.0"?><Error>'],
      [text('{"error":"Repository not found"}'), 'JSON text: {"error":"Repository not found"}'],
      [text(pointer), "a Git LFS pointer in place of the file: `git lfs pull` fetches it"],
      [text("Entry not found"), "text: Entry not found"],
      [text(`Zugriff verweigert: ü${"x".repeat(600)}`), "text: Zugriff verweigert: üx"],
      [text("ü".repeat(600).slice(0, 511)), "text: ü"],
    ];
    for (const [bytes, got] of cases) {
      expect(() => fileBytes("here", "a file of weights", bytes), got).toThrow(
        `here: expected a file of weights, got ${got}`,
      );
    }
  });

  it("takes all that is binary, of which contentOf says what it begins with", () => {
    const cases: [number[], string][] = [
      [[0x7b, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22], "a safetensors file"],
      [[0x50, 0x4b, 3, 4], "a zip (.npz, or of torch.save)"],
      [[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0], "a .npy file"],
      [[0x89, 0x50, 0x4e, 0x47], "a PNG"],
      [[0x80, 2, 0x8a], "a pickle, or a file of torch.save before PyTorch 1.6"],
      [[1, 2, 3], "bytes that begin with 01 02 03"],
    ];
    for (const [content, said] of cases) {
      const bytes = Uint8Array.from(content);
      expect([...fileBytes("here", "a file", bytes)]).toEqual(content);
      expect(contentOf(bytes)).toBe(said);
    }
    expect(contentOf(text("<html>"))).toBe("an HTML page: <html>");
  });
});

describe("parseJson", () => {
  it("reads a text, whatever its names, and passes over a byte-order mark", () => {
    const read = parseJson('{"__proto__":{"a":1},"constructor":[":",","]}', "here", "a config") as object;
    expect(Object.keys(read)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(parseJsonBytes(text('\ufeff{"a":1}'), "here", "a config")).toEqual({ a: 1 });
  });

  it("refuses what is deep, long, cut, repeated or no text", () => {
    const cases: [string, string][] = [
      ["[".repeat(1e5) + "]".repeat(1e5), "at most 100 levels of brackets in a config, got 100000."],
      ['{"a":'.repeat(1e5), "at most 100 levels of brackets in a config, got 100000."],
      [`[${"0,".repeat(1e6)}0]`, "at most 1000000 values in a config, got 1000001."],
      ['{"a":1,"a":2}', "every name only once in a config, got a repeated name."],
      ["{", "a config in JSON, got "],
      ["NaN", "a config in JSON, got "],
      [`"${"x".repeat(1e5)}`, "a config in JSON, got "],
    ];
    for (const [json, message] of cases) {
      const parse = () => parseJson(json, "here", "a config");
      expect(parse, message).toThrow(`here: expected ${message}`);
      expect(parse).toThrow(/^.{0,250}$/u);
    }
    expect(() => parseJsonBytes(Uint8Array.of(0x22, 0xff, 0x22), "here", "a config")).toThrow(
      "here: expected a config in JSON, got bytes that are no text in UTF-8.",
    );
    expect(parseJson("[[1,2]]", "here", "it", { depth: 2, values: 2 })).toEqual([[1, 2]]);
    expect(() => parseJson("[[1,2]]", "here", "it", { depth: 1 })).toThrow("at most 1 levels");
    expect(() => parseJson("[[1,2]]", "here", "it", { values: 1 })).toThrow("at most 1 values");
  });
});
