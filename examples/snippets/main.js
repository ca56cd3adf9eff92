const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const canvas = document.querySelector("canvas").transferControlToOffscreen();

worker.onmessage = ({ data }) => {
  document.title = data.error ?? data.computes;
};
worker.postMessage({ canvas, seed: 7 }, [canvas]); // from the second picture on: { seed }
