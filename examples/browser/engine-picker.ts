import { wrap } from "comlink";
import type { BackendReport } from "cfd-distill";
import { byId, make, showMessage } from "./dom.js";
import { engineHints, engineNames, threadsHint, type EngineName } from "./engines.js";
import type { Probe } from "./probe-worker.js";
import { openSampler, watchWorker, type SamplerClient } from "./sampler-client.js";
import { messageOf } from "../../tools/words.js";

/** One engine's button. */
interface Choice {
  readonly input: HTMLInputElement;
  /** Says how it runs. */
  readonly tell: (report: BackendReport) => void;
  /** Greys it. */
  readonly refuse: (reason: string) => void;
}

/**
 * Shows the engines, those that cannot run here greyed with the reason, and starts the one that is chosen. Where it does
 * not start after all, that is said and the one before is started again.
 */
export async function enginePicker(use: (client: SamplerClient) => void): Promise<void> {
  const error = byId("engine-error", HTMLElement);
  const status = byId("draw-status", HTMLElement);
  const choices = new Map(engineNames.map((name) => [name, choice(name)]));
  byId("engines", HTMLElement).append(...[...choices.values()].map(({ input }) => input.parentElement!));
  let current: SamplerClient | undefined;

  async function start(name: EngineName): Promise<void> {
    current?.end(); // before the next one starts: they may share a graphics card
    status.textContent = `Starting ${name} …`;
    current = await openSampler(name);
    const { input, tell } = choices.get(name)!;
    input.checked = true;
    tell(current.report);
    use(current);
  }

  async function choose(name: EngineName): Promise<void> {
    const before = current?.engine;
    showMessage(error, undefined);
    try {
      await start(name);
    } catch (problem) {
      status.textContent = "";
      choices.get(name)!.refuse(messageOf(problem));
      showMessage(error, `${name} could not be started. ${messageOf(problem)}`);
      if (before !== undefined) await start(before);
    }
  }

  let queue = Promise.resolve(); // one after the other, however fast they are chosen
  for (const [name, { input }] of choices) {
    input.addEventListener("change", () => {
      queue = queue.then(() => choose(name));
    });
  }
  queue = choose(engineNames[0]);
  await Promise.all([queue, refuseImpossible(choices)]);
}

function choice(name: EngineName): Choice {
  const label = make("label", "engine");
  const input = make("input", "");
  input.type = "radio";
  input.name = "engine";
  input.value = name;
  const hint = make("span", "engine-hint", engineHints[name]);
  label.append(input, make("span", "engine-name", name), hint);
  return {
    input,
    tell(report) {
      hint.textContent = engineHints[name] + threadsHint(report);
    },
    refuse(reason) {
      input.disabled = true;
      hint.textContent = reason;
    },
  };
}

async function refuseImpossible(choices: ReadonlyMap<EngineName, Choice>): Promise<void> {
  const worker = new Worker(new URL("./probe-worker.ts", import.meta.url), { type: "module" });
  try {
    const obstacles = await watchWorker(worker)(wrap<Probe>(worker).obstacles());
    for (const [name, { refuse }] of choices) {
      const reason = obstacles[name];
      if (reason !== undefined) refuse(reason);
    }
  } finally {
    worker.terminate();
  }
}
