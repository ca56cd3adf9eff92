import { wrap } from "comlink";
import type { BackendReport } from "cfd-distill";
import { byId, make, showMessage } from "./dom.js";
import { engineHints, engineNames, threadsHint, type EngineName } from "./engines.js";
import type { Probe } from "./probe-worker.js";
import { openSampler, watchWorker, type SamplerClient } from "./sampler-client.js";
import { messageOf } from "../../tools/words.js";

/** What computes: an engine, and on wasm one thread or as many as there are cores. */
export interface Engine {
  readonly engine: EngineName;
  readonly threads: 1 | undefined;
}

/** One engine's button. */
interface Choice {
  readonly input: HTMLInputElement;
  /** Says how it runs. */
  readonly tell: (report: BackendReport) => void;
  /** Greys it. */
  readonly refuse: (reason: string) => void;
}

/** What starts where nothing ran before. */
const USUAL: Engine = { engine: "wasm", threads: undefined };

const WAY_OUT = ": reload the page, or choose another one under Settings";

/** The part of the page that chooses an engine. */
export interface EnginePicker {
  /** Starts another one. */
  readonly choose: (engine: Engine) => void;
}

/**
 * Shows the engines, those that cannot run here greyed with the reason, and starts the one that is chosen, at first the
 * first one. Where it does not start after all, that is said and the one before is started again, or else wasm; where that
 * does not start either, the visitor chooses.
 */
export function enginePicker(
  first: Engine,
  use: (client: SamplerClient, engine: Engine) => void,
): EnginePicker {
  const error = byId("engine-error", HTMLElement);
  const status = byId("draw-status", HTMLElement);
  const threads = byId("threads", HTMLSelectElement);
  const choices = new Map(engineNames.map((name) => [name, choice(name)]));
  byId("engines", HTMLElement).append(...[...choices.values()].map(({ input }) => input.parentElement!));
  let current: SamplerClient | undefined;
  let running: Engine | undefined;

  async function start(engine: Engine): Promise<void> {
    current?.end(); // before the next one starts: they may share a graphics card
    running = undefined;
    status.textContent = `Starting ${engine.engine} …`;
    current = await openSampler(engine.engine, engine.threads);
    running = engine;
    const { input, tell } = choices.get(engine.engine)!;
    input.checked = true;
    threads.value = String(engine.threads ?? "");
    threads.disabled = engine.engine !== "wasm";
    tell(current.report);
    use(current, engine);
  }

  /** Never rejects: who chooses next would wait for nothing. */
  async function choose(engine: Engine): Promise<void> {
    const before = running ?? USUAL;
    const isOther = engine.engine !== before.engine;
    showMessage(error, undefined);
    try {
      await start(engine);
    } catch (problem) {
      choices.get(engine.engine)!.refuse("could not be started");
      sayFailed(engine, isOther ? `: ${before.engine} goes on` : WAY_OUT, problem);
      if (!isOther) return;
      await start(before).catch((problem: unknown) => {
        sayFailed(engine, `, nor ${before.engine} again${WAY_OUT}`, problem); // which is not greyed: it has run here
      });
    }
  }

  let queue = choose(first);
  const next = (engine: Engine) => {
    queue = queue.then(() => choose(engine)); // one after the other, however fast they are chosen
  };
  const chosenThreads = () => (threads.value === "1" ? 1 : undefined);
  for (const [engine, { input }] of choices) {
    input.addEventListener("change", () => {
      next({ engine, threads: chosenThreads() });
    });
  }
  threads.addEventListener("change", () => {
    next({ engine: running?.engine ?? USUAL.engine, threads: chosenThreads() });
  });
  void refuseImpossible(choices);
  return {
    choose(engine) {
      if (engine.engine !== running?.engine || engine.threads !== running.threads) next(engine);
    },
  };
}

/** Says that an engine did not start, and what now. */
function sayFailed({ engine }: Engine, what: string, problem: unknown): void {
  byId("draw-status", HTMLElement).textContent = "";
  showMessage(
    byId("engine-error", HTMLElement),
    `${engine} could not be started${what}.`,
    messageOf(problem),
  );
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
