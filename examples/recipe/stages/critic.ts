// A critic that learns beside a student, and what a checkpoint keeps of it.
import * as tf from "@tensorflow/tfjs";
import type { Optimizer, Params } from "cfd-distill";
import type { StateDict } from "cfd-distill/formats";

/** A network and what trains it. */
export interface Trainee {
  readonly params: Params;
  readonly optimizer: Optimizer;
}

type State = Awaited<ReturnType<Optimizer["state"]>>;

/** The slot of its weights; those of its optimiser begin so. */
const CRITIC = "critic";

/**
 * The state of the student's optimiser with the critic's weights and moments as further slots, which one file so holds of
 * one moment: a run is killed before it is written or after.
 */
export async function stateWith({
  optimizer,
  critic,
}: {
  optimizer: Optimizer;
  critic?: Trainee;
}): Promise<State> {
  const own = await optimizer.state();
  if (critic === undefined) return own;
  const { slots } = await critic.optimizer.state();
  const moments = Object.entries(slots).map(([slot, values]) => [`${CRITIC} ${slot}`, values] as const);
  const weights = { [CRITIC]: await readWeights(critic.params) };
  return { ...own, slots: { ...own.slots, ...weights, ...Object.fromEntries(moments) } };
}

/** Whether a state holds a critic's. */
export const hasCritic = ({ slots }: State): boolean => Object.hasOwn(slots, CRITIC);

/** The reverse of {@link stateWith}. Changes the critic's weights and both optimisers. */
export function restoreWith(
  { optimizer, critic }: { optimizer: Optimizer; critic?: Trainee },
  state: State,
): void {
  if (critic === undefined) {
    optimizer.restore(state);
    return;
  }
  const isCritics = (slot: string) => slot === CRITIC || slot.startsWith(`${CRITIC} `);
  const slots = Object.entries(state.slots);
  const moments = slots.filter(([slot]) => slot.startsWith(`${CRITIC} `));
  optimizer.restore({ ...state, slots: Object.fromEntries(slots.filter(([slot]) => !isCritics(slot))) });
  const its = moments.map(([slot, values]) => [slot.slice(CRITIC.length + 1), values] as const);
  critic.optimizer.restore({ ...state, slots: Object.fromEntries(its) });
  writeWeights(critic.params, state.slots[CRITIC]!);
}

async function readWeights(params: Params): Promise<StateDict> {
  const read = Object.entries(params).map(async ([name, weight]) => {
    return [name, { dtype: "F32", shape: weight.shape, data: await weight.data<"float32">() }] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

function writeWeights(params: Params, from: StateDict): void {
  tf.tidy(() => {
    for (const [name, weight] of Object.entries(params)) {
      const { data, shape } = from[name]!;
      weight.assign(tf.tensor(data as Float32Array, [...shape]));
    }
  });
}
