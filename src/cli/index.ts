#!/usr/bin/env node
import { explain } from "./explain.js";
import { program } from "./program.js";

const cli = program();
try {
  await cli.parseAsync();
} catch (error) {
  process.stderr.write(`${explain(error, cli.opts<{ stack?: true }>())}\n`);
  process.exitCode = 1; // not exit(): what is still being written to a pipe would be lost
}
