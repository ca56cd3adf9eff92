// Trains a small diffusion model on 24x24 emoji, distils it by PD and CFD, and draws the samples side by side.
//   npm run quickstart                    (minutes; --help for options, Ctrl-C and --resume at any time)
import { parseArguments } from "./recipe/cli.js";
import { loadEmoji } from "./recipe/data.js";
import { main } from "./recipe/run.js";

const argv = process.argv;
const command = ["npm run quickstart --", ...argv.slice(2)];
await main(
  parseArguments("quickstart", argv),
  ({ dataset, groups }) => loadEmoji(dataset === "emoji-kinds" ? "kinds" : "groups", groups),
  command,
);
