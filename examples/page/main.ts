// The page: what its visitor sees and does. What computes is in worker.ts.
import type { Answer, Failure, Start, Wish } from "./messages.js";

const canvas = document.querySelector("canvas")!;
const form = document.querySelector("form")!;
const menu = document.querySelector("select")!;
const button = document.querySelector("button")!;
const progress = document.querySelector("progress")!;
const status = document.querySelector("[role=status]")!;

/** What a visitor is told where something goes wrong. */
const FAILURES: Readonly<Record<Failure, string>> = {
  browser: "This browser cannot run the model. A newer one may.",
  part: "A part of this page did not arrive. Load the page again to try once more.",
  network: "The model did not arrive. Are you online? Load the page again to try once more.",
  missing: "The model is not there: it has moved, or was never put beside this page.",
  wrong: "The model's file is damaged, or none that this page can draw with.",
  draw: "This picture could not be drawn.",
};

let seed = 0; // the same seed is the same picture, everywhere
let classes = 0;
let about = "";

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => void hear(data));
worker.addEventListener("error", ({ message }) => {
  fail("part", message || "the worker's script is not there");
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  seed = Math.floor(Math.random() * 2 ** 31);
  draw();
});
menu.addEventListener("change", draw);
start();

function start(): void {
  try {
    const offscreen = canvas.transferControlToOffscreen();
    const model = new URL("student.safetensors", document.baseURI).href;
    worker.postMessage({ canvas: offscreen, model } satisfies Start, [offscreen]);
  } catch (error) {
    fail("browser", String(error));
  }
}

/** Asks for a picture of the kind that is chosen, or else of one that follows from the seed. */
function draw(): void {
  const label = menu.value === "" ? seed % classes : Number(menu.value);
  button.disabled = menu.disabled = true;
  worker.postMessage({ seed, ...(classes > 0 && { label }) } satisfies Wish);
}

async function hear(answer: Answer): Promise<void> {
  switch (answer.type) {
    case "loading":
      status.textContent = `Loading the model: ${(answer.loaded / 1e6).toFixed(1)} MB`;
      if (answer.total !== undefined) progress.value = answer.loaded / answer.total;
      return;
    case "ready":
      ({ classes } = answer);
      about = `${answer.steps === 1 ? "1 step" : `${answer.steps} steps`} on ${answer.engine}`;
      progress.hidden = true;
      await listKinds(answer.classNames);
      draw();
      return;
    case "drawn":
      button.disabled = menu.disabled = false;
      status.textContent = `Picture ${seed}, drawn in ${answer.milliseconds.toFixed(0)} ms: ${about}`;
      return;
    case "failed":
      fail(answer.failure, answer.reason);
  }
}

/** Fills the menu, with the model's own names or those of kinds.json; a model that knows no kinds needs none. */
async function listKinds(own?: readonly string[]): Promise<void> {
  const written = async () => (await fetch("kinds.json")).json() as Promise<string[]>;
  const names = own ?? (await written().catch(() => []));
  const options = Array.from({ length: classes }, (_, i) => new Option(names[i] ?? `kind ${i}`, String(i)));
  menu.replaceChildren(new Option("any", ""), ...options);
  menu.parentElement!.hidden = classes === 0;
}

function fail(failure: Failure, reason: string): void {
  progress.hidden = true;
  button.disabled = menu.disabled = failure !== "draw";
  const details = document.createElement("small");
  details.textContent = reason;
  status.replaceChildren(FAILURES[failure], document.createElement("br"), details);
}
