import { sizeOf } from "../../formats/state-dict.js";
import { stateDictsIn } from "../../formats/torch/state-dict-in.js";
import { disposeParams, type Params } from "../../index.js";
import { classifierFromTorch, unetFromTorch, type StateDict, type TorchValue } from "../../formats/index.js";
import { reason } from "../explain.js";

// No file tells a U-Net's groups, and 1 divides every width.
const READERS = {
  unetFromTorch: (stateDict: StateDict) => unetFromTorch(stateDict, { groups: 1 }),
  classifierFromTorch,
};

/** A state dict that one of the library's functions takes. */
export interface FoundNetwork {
  /** Where in the file it stands, names joined by "/"; "" is the whole. */
  readonly name: string;
  /** The function that takes it. */
  readonly reader: keyof typeof READERS;
  /** Its config, but for what no file tells. */
  readonly network: object;
  readonly weights: number;
}

/** Why a function does not take a state dict. */
export interface Refusal {
  readonly name: string;
  readonly reason: string;
}

/** The networks of a tree; where there is none, why the largest state dict is not one. */
export function networksIn(tree: TorchValue): {
  readonly networks: readonly FoundNetwork[];
  readonly refusals: readonly Refusal[];
} {
  const tried = stateDictsIn(tree).map(({ name, stateDict }) => ({
    name,
    stateDict,
    ...recognise(name, stateDict),
  }));
  const networks = tried.flatMap(({ network }) => (network === undefined ? [] : [network]));
  const size = ({ stateDict }: { readonly stateDict: StateDict }) => Object.keys(stateDict).length;
  const largest = tried.sort((a, b) => size(b) - size(a))[0];
  return { networks, refusals: networks.length > 0 || largest === undefined ? [] : largest.refusals };
}

/** A config without the groups. */
function toldBy(config: object): object {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== "groups"));
}

/** The number of weights. */
export function weightsOf(params: Params): number {
  return Object.values(params).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

function recognise(
  name: string,
  stateDict: StateDict,
): { network?: FoundNetwork; refusals: readonly Refusal[] } {
  const refusals: Refusal[] = [];
  for (const [reader, read] of Object.entries(READERS) as [
    keyof typeof READERS,
    typeof classifierFromTorch,
  ][]) {
    try {
      const { network, params } = read(stateDict);
      const weights = weightsOf(params);
      disposeParams(params);
      return { network: { name, reader, network: toldBy(network.config), weights }, refusals };
    } catch (error) {
      refusals.push({ name, reason: reason(error) });
    }
  }
  return { refusals };
}
