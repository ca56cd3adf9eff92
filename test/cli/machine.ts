import { chmodSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** An environment in `work` with an empty cache and a PATH that has these programs, shell scripts, and what they use. */
export function machineWith(work: string, programs: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const bin = mkdtempSync(join(work, "bin-"));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  for (const tool of ["mkdir", "touch", "cat", "sleep"]) symlinkSync(join("/bin", tool), join(bin, tool));
  return { PATH: bin, CFD_DISTILL_CACHE: mkdtempSync(join(work, "cache-")) };
}
