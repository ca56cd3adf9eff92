import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tfjsKey, versions } from "../../backends/native/folder.js";
import { run, type Place } from "./run.js";

// tfjs-node is two C++ files and some JavaScript. npm brings both; two of its packages are replaced by one line each:
// TensorFlow.js by the copy of whoever loads the build, since a second copy would register its kernels over those of
// the first; and node-pre-gyp, of which only the question is used where the binding is.

const BINDING = "tensorflow/tfjs_binding.node";
const standIns: Readonly<Record<string, string>> = {
  tfjs: `module.exports = globalThis["${tfjsKey}"];`,
  "node-pre-gyp": `exports.find = () => require("node:path").join(__dirname, "../${BINDING}");`,
};

const manifest = {
  private: true,
  dependencies: {
    "@tensorflow/tfjs-node": versions.tfjsNode,
    "@tensorflow/tfjs-core": "file:./tfjs",
    "node-api-headers": "1.9.0",
  },
  overrides: { "@tensorflow/tfjs": "file:./tfjs", "@mapbox/node-pre-gyp": "file:./node-pre-gyp" },
};

/** Brings tfjs-node to `node_modules/` in `place.cwd`, without its download of a TensorFlow of 2022. */
export async function bringTfjsNode(place: Place): Promise<void> {
  const json = (value: unknown) => JSON.stringify(value, null, 2);
  for (const [name, code] of Object.entries(standIns)) {
    const folder = join(place.cwd, name);
    await mkdir(folder);
    await writeFile(join(folder, "package.json"), json({ name, version: versions.tfjsNode }));
    await writeFile(join(folder, "index.js"), `${code}\n`);
  }
  await writeFile(join(place.cwd, "package.json"), json(manifest));
  const quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--no-save"];
  const args = ["install", "--ignore-scripts", "--omit=dev", ...quiet];
  await run(`npm to install @tensorflow/tfjs-node@${versions.tfjsNode}`, "npm", args, place);
}

/**
 * Compiles the binding against TensorFlow's headers and Node-API's, which are the same for every Node: neither
 * node-gyp nor the headers of the running Node are needed. Then the headers go.
 */
export async function compileBinding(compiler: string, place: Place): Promise<void> {
  const source = join(place.cwd, "node_modules/@tensorflow/tfjs-node/binding");
  const files = (await readdir(source)).filter((file) => file.endsWith(".cc"));
  const args = [
    ...["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8"],
    ...["-Inode_modules/node-api-headers/include", "-Itensorflow/include"],
    ...["-o", BINDING, ...files.map((file) => join(source, file))],
    ...["tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2", "-Wl,-rpath,$ORIGIN"],
  ];
  await run("tfjs-node's binding to compile", compiler, args, place);
  await rm(join(place.cwd, "tensorflow/include"), { recursive: true });
}
