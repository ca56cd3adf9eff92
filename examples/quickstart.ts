// Draws emoji by a teacher and its distilled students, which ship, and distils a last halving before your eyes.
//   npm run quickstart                    (minutes; --help for options, Ctrl-C and --resume at any time)
import { loadEmoji } from "./emoji/files.js";
import { main, parseArguments, print } from "./recipe/index.js";

const argv = process.argv;
const choice = parseArguments("quickstart", argv);
await main(choice, loadEmoji, ["npm run quickstart --", ...argv.slice(2)]);
if (process.exitCode === undefined && !choice.dryRun && !choice.stages) {
  print(`
What to try next:
  npx tsx examples/sample-only.ts ${choice.out}/student.safetensors more.png    # 64 more images of the student
  npm run demo                                                   # the same in a page: drop the student onto it
  npm run quickstart -- --preset scratch                         # the whole pipeline from the first weights on
`);
}
