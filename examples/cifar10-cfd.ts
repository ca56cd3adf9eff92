// The quickstart's pipeline on CIFAR-10, from the files of cifar-10-binary.tar.gz.
//   npx tsx examples/cifar10-cfd.ts --preset tiny --data DIR
import { parseArguments } from "./recipe/cli.js";
import { loadCifar10 } from "./recipe/data.js";
import { main } from "./recipe/run.js";

const argv = process.argv;
const choice = parseArguments("cifar10-cfd", argv);
await main(choice, () => loadCifar10(choice.data!), ["npx tsx examples/cifar10-cfd.ts", ...argv.slice(2)]);
