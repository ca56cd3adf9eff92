// All that this library knows of TensorFlow.js, and the one place to exchange it. In Node its core alone registers no
// gradients, and so the whole is taken; package.json's field `browser` puts tfjs-page.ts in its place elsewhere.
export * from "@tensorflow/tfjs";
