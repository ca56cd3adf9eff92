import { check, fail } from "../check.js";
import { densenet, densenetSpecs, type DenseNet, type DenseNetConfig } from "./densenet.js";
import type { NetworkConfigBase } from "./network.js";
import type { ParamSpecs } from "./params.js";
import { resnet, resnetSpecs, type ResNet, type ResNetConfig } from "./resnet.js";
import { unet, type Unet } from "./unet.js";
import type { UnetConfig } from "./unet-config.js";
import { unetSpecs } from "./unet-plan.js";

/**
 * Makes the network again that a config describes, as a checkpoint does.
 *
 * @param config what `network.config` was, also after a round trip through JSON
 * @returns the network; it has that config
 * @throws if `config.type` is none of unet, resnet, densenet, or that builder refuses the config
 * @example
 * ```ts
 * import { networkFromConfig, resnet } from "cfd-distill";
 * const { config } = resnet({ depth: 18, classes: 10 });
 * const again = networkFromConfig(config);
 * console.log(again.config.blocks); // [2, 2, 2, 2]
 * ```
 */
export function networkFromConfig(config: UnetConfig): Unet;
export function networkFromConfig(config: ResNetConfig): ResNet;
export function networkFromConfig(config: DenseNetConfig): DenseNet;
export function networkFromConfig(config: NetworkConfigBase): Unet | ResNet | DenseNet;
export function networkFromConfig(config: NetworkConfigBase): Unet | ResNet | DenseNet {
  check(typeof config === "object" && config !== null, "networkFromConfig", "a config object", config);
  switch (config.type) {
    case "unet":
      return unet(config as UnetConfig);
    case "resnet":
      return resnet(config as ResNetConfig);
    case "densenet":
      return densenet(config as DenseNetConfig);
    default:
      return fail("networkFromConfig", "a type among unet, resnet, densenet", config.type);
  }
}

/** Names and shapes of all weights of the network with this complete config; none of them is made. */
export function specsOf(config: UnetConfig | ResNetConfig | DenseNetConfig): ParamSpecs {
  switch (config.type) {
    case "unet":
      return unetSpecs(config);
    case "resnet":
      return resnetSpecs(config);
    case "densenet":
      return densenetSpecs(config);
  }
}
