// What a stage may be called: its name becomes files and folders of the run, on any file system.
import { z } from "zod";
import { expectedGot } from "../../../tools/words.js";

/** What stages, groups of stages and the files of a run are called already. */
const TAKEN = [
  ...["base", "teacher", "classifier", "pd", "cfd", "consistency", "score"],
  ...["samples", "evaluate", "picture", "student"],
  ...["checkpoints", "tensorboard", "config", "log", "losses", "report", "run"],
];
/** Windows has devices of these names, whatever the ending. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
const LONGEST = 64;

/** Why no halving can have this name; undefined if it can. */
function faultOfName(name: string): string | undefined {
  if (!isFileName(name)) {
    return `a name of 1 to ${LONGEST} of the characters A-Z a-z 0-9 . _ -, with a letter or digit first and no dot last`;
  }
  const known = name.toLowerCase();
  const stem = known.replace(/\.[a-z]+$/, "");
  if (TAKEN.includes(stem) || DEVICE.test(name) || name in {}) {
    return "a name that is not reserved";
  }
  return undefined;
}

/** Whether a name can be that of a file, or of a folder, on any file system, and of no other place. */
export function isFileName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) && !name.endsWith(".") && name.length <= LONGEST;
}

/** A name that {@link faultOfName} has nothing against. */
export const stageName = z.string().superRefine((name, context) => {
  const expected = faultOfName(name);
  if (expected !== undefined) context.addIssue({ code: "custom", message: expectedGot(expected, name) });
});

/** A line of text that a terminal, a table and a picture can show. */
export const line = z
  .string({ error: ({ input }) => expectedGot("text", input) })
  .refine((text) => text.length >= 1 && text.length <= 200 && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text), {
    error: ({ input }) =>
      expectedGot("1 to 200 characters in one line, none of them a control character", input),
  });
