// The quickstart's pipeline on CIFAR-10, which is fetched if it is not there, or on your own pictures.
//   npx tsx examples/cifar10-cfd.ts --preset tiny
//   npx tsx examples/cifar10-cfd.ts --preset small --dataset folder:pictures
import {
  downloadCifar10,
  loadCifar10,
  loadFolder,
  main,
  parseArguments,
  standIn,
  type DataLoader,
} from "./recipe/index.js";

const argv = process.argv;
const choice = parseArguments("cifar10-cfd", argv);

const load: DataLoader = async ({ dataset, imageSize = 32 }, signal) => {
  if (dataset !== "folder") {
    if (choice.dryRun) return standIn({ size: imageSize });
    return loadCifar10(choice.data ?? (await downloadCifar10({ directory: "data", signal })));
  }
  if (typeof choice.dataset !== "object")
    throw new Error(
      "This config is of a folder: add --dataset folder:DIR" +
        `${choice.data === undefined ? "" : ", and leave --data out, which is of CIFAR-10"}.`,
    );
  const { folder } = choice.dataset;
  return choice.dryRun ? standIn({ size: imageSize, folder }) : loadFolder(folder, { size: imageSize });
};
await main(choice, load, ["npx tsx examples/cifar10-cfd.ts", ...argv.slice(2)]);
