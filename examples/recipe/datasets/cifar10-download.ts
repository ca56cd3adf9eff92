import { fetchRelease, type Release } from "./release.js";

/** The binary version of CIFAR-10, with the checksum that its page states. */
export const cifar10Release: Release = {
  name: "CIFAR-10",
  page: "https://www.cs.toronto.edu/~kriz/cifar.html",
  url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
  md5: "c32a1d4ab5d03f1284b67883e8d87530",
  folder: "cifar-10-batches-bin",
  files: Object.fromEntries(
    ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"].map(
      (name) => [`${name}.bin`, 10_000 * 3073],
    ),
  ),
};

/**
 * Fetches CIFAR-10's binary version (170 MB, 184 MB unpacked) and unpacks it, unless that was done before.
 *
 * @param options `directory`: where `cifar-10-batches-bin` is made, or already stands; `url`: a mirror, which has to
 *   hold the very same archive; `signal`: stops it, and the next call goes on where this one stopped
 * @returns the folder with the six .bin files, for `loadCifar10`
 * @throws (rejects) as `fetchRelease` does
 */
export function downloadCifar10(options: {
  readonly directory: string;
  readonly url?: string;
  readonly signal?: AbortSignal;
}): Promise<string> {
  const { url = cifar10Release.url, ...rest } = options;
  return fetchRelease({ ...cifar10Release, url }, rest);
}
