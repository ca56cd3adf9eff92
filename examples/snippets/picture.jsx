"use client"; // for Next, where it is no part of what the server draws
import { useEffect, useRef, useState } from "react";
import { loadGenerator, useBackend } from "cfd-distill";

let student; // loaded once, by the first picture
const load = () => (student ??= useBackend("wasm").then(() => loadGenerator("/student.safetensors")));

export default function Picture({ seed, label, onDrawn }) {
  const canvas = useRef(null);
  const [error, setError] = useState();
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    load()
      .then((generator) => generator.draw(canvas.current, { seed, labels: [label], signal }))
      .then(() => onDrawn?.(seed))
      .catch((reason) => signal.aborted || setError(reason));
    return () => stop.abort();
  }, [seed, label]);
  return error ? <p role="alert">{error.message}</p> : <canvas ref={canvas} />;
}
