/**
 * Lets timers, messages and an abort in between two steps. By a message: a timer of no length takes 4 ms in a page and a
 * second in a tab in the background, and what `scheduler.yield` continues goes before every timer that is due, so that
 * none would run until the last step.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof MessageChannel !== "function") {
      setTimeout(resolve, 0);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close(); // an open port would keep Node from ending
      port2.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
