import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newCommand } from "../../src/cli/new/command.js";
import { create } from "../../src/cli/new/create.js";
import { packageName } from "../../src/cli/new/name.js";
import { table } from "../../src/cli/table.js";

const work = mkdtempSync(join(tmpdir(), "cfd-distill-new-"));
const at = (...path: string[]) => join(work, ...path);
const template = { from: at("template"), files: { "public/student": at("student") } };

beforeAll(() => {
  mkdirSync(at("template/public"), { recursive: true });
  writeFileSync(at("template/gitignore"), "node_modules/\n");
  writeFileSync(at("template/package.json"), JSON.stringify({ private: true, dependencies: { vite: "1" } }));
  writeFileSync(at("student"), "weights");
});
afterAll(() => {
  rmSync(work, { recursive: true });
});

const PROJECT = [".gitignore", "package.json", "public"];

describe("a new project", () => {
  it("is the template under the folder's name, with the files from elsewhere", async () => {
    await create(template, at("My Page"));
    expect(readdirSync(at("My Page")).sort()).toEqual(PROJECT);
    expect(JSON.parse(readFileSync(at("My Page/package.json"), "utf8"))).toEqual({
      ...{ name: "my-page", private: true, dependencies: { vite: "1" } },
    });
    expect(readFileSync(at("My Page/public/student"), "utf8")).toBe("weights");
    expect(statSync(at("My Page")).mode & 0o777).toBe(statSync(at("template")).mode & 0o777);
  });

  it("fills a folder that is empty", async () => {
    mkdirSync(at("empty"));
    await create(template, at("empty"));
    expect(readdirSync(at("empty")).sort()).toEqual(PROJECT);
  });

  it("is refused where something is in the way, and leaves nothing behind", async () => {
    mkdirSync(at("full/inside"), { recursive: true });
    symlinkSync(at("nothing"), at("link"));
    const before = readdirSync(work).sort();
    const wanted = "new: expected a folder that is empty or not there yet (choose another name), got";
    await expect(create(template, at("full"))).rejects.toThrow(`${wanted} ${at("full")} with inside in it.`);
    await expect(create(template, at("student"))).rejects.toThrow(`${wanted} the file ${at("student")}.`);
    await expect(create(template, at("student/a"))).rejects.toThrow(`${wanted} ${at("student/a")}: ENOTDIR`);
    await expect(create(template, at("none/a"))).rejects.toThrow(
      `new: expected a folder that ${at("none/a")} is to lie in, got none at ${at("none")}.`,
    );
    await expect(create(template, at("link"))).rejects.toThrow(
      `new: expected to be able to write ${at("link")} (choose another folder), got ENOTDIR`,
    );
    await expect(create({ ...template, files: { a: at("none") } }, at("half"))).rejects.toThrow(
      `new: expected to be able to write ${at("half")} (choose another folder), got ENOENT`,
    );
    await expect(create({ ...template, from: at("none") }, at("half"))).rejects.toThrow(
      "new: expected the template that `npm run build` makes, got none.",
    );
    expect(readdirSync(work).sort()).toEqual(before);
    expect(readdirSync(at("full"))).toEqual(["inside"]);
  });

  it.skipIf(process.getuid?.() === 0)("is refused where one may not write", async () => {
    mkdirSync(at("closed"));
    chmodSync(at("closed"), 0o555);
    await expect(create(template, at("closed/a"))).rejects.toThrow("EACCES");
    await expect(create(template, at("closed"))).rejects.toThrow("EACCES");
  });
});

describe("the command", () => {
  it.each([
    [[], "error: missing required argument 'page|recipe'"],
    [["recepie", "x"], "Expected page or recipe. Did you mean recipe?"],
    [["zzzzzz", "x"], /Expected page or recipe\.$/],
  ])("says what it can begin, of %j", async (words, message) => {
    const command = newCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined });
    await expect(command.parseAsync(words, { from: "user" })).rejects.toThrow(message);
  });
});

describe("a package's name", () => {
  it.each([
    ["my-run", "my-run"],
    ["Café 2", "cafe-2"],
    ["_.hidden", "hidden"],
    ["Ω", "my-project"],
    ["@scope", "scope"],
    ["fs", "my-fs"],
    ["vite", "my-vite"],
    ["node_modules", "my-node-modules"],
    ["x".repeat(300), "x".repeat(100)],
  ])("of the folder %s is %s", (folder, name) => {
    expect(packageName(folder, ["vite"])).toBe(name);
  });
});

describe("a table", () => {
  it("wraps its last column at 80", () => {
    const words = "twenty words ".repeat(20).trim();
    const text = table([["engine", "what"], ["wasm", words]]); // prettier-ignore
    const lines = text.split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines[2]).toMatch(/^ {8}\w/);
    expect(text.replaceAll(/\s+/g, " ")).toBe(`engine what wasm ${words}`);
  });
});
