import * as tf from "../../../tfjs.js";

// The stock kernels that do a product, its bias and its activation in one are wrong, or lose NaN: here they are made of
// their parts, each of which is cured.

interface FusedAttributes {
  readonly activation: string;
  readonly leakyreluAlpha?: number;
}

type Inputs = Readonly<Record<string, tf.Tensor | null | undefined>>;

/** A fused kernel whose product is `multiply`. */
export const fusedOf =
  (multiply: (inputs: Record<string, tf.Tensor>, attrs: never) => tf.Tensor): tf.KernelFunc =>
  ({ inputs, attrs }) =>
    tf.tidy(() => {
      const { bias, preluActivationWeights } = inputs as Inputs;
      const product = multiply(inputs as unknown as Record<string, tf.Tensor>, attrs as never);
      const sum = bias === undefined || bias === null ? product : tf.add(product, bias);
      return activate(sum, attrs as unknown as FusedAttributes, preluActivationWeights);
    });

function activate(
  x: tf.Tensor,
  { activation, leakyreluAlpha }: FusedAttributes,
  weights: tf.Tensor | null | undefined,
): tf.Tensor {
  switch (activation) {
    case "linear":
      return x;
    case "relu":
      return tf.relu(x);
    case "relu6":
      return tf.relu6(x);
    case "elu":
      return tf.elu(x);
    case "sigmoid":
      return tf.sigmoid(x);
    case "leakyrelu":
      return tf.leakyRelu(x, leakyreluAlpha);
    case "prelu":
      return tf.prelu(x, weights!);
    default:
      throw new Error(`tf.fused: expected a known activation on wasm, got ${activation}.`);
  }
}

/** tf.prelu: the stock kernel repeats the weights over whatever axes x has more. */
export const prelu: tf.KernelFunc = ({ inputs }) =>
  tf.tidy(() => {
    const [x, alpha] = [inputs.x, inputs.alpha] as tf.Tensor[];
    return tf.where(tf.less(x!, 0), tf.mul(alpha!, x!), x!);
  });
