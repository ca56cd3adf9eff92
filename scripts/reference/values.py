"""Numbers that Python and TypeScript both make from a name, bit for bit, so that fixtures need not store them.

test/conformance/values.ts is the twin of this file.
"""

import numpy as np
import torch

GOLDEN = np.uint32(0x9E3779B9)


def hash_name(name: str) -> np.uint32:
    """FNV-1a, 32 bits."""
    h = 0x811C9DC5
    for byte in name.encode("ascii"):
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return np.uint32(h)


def bits(name: str, count: int) -> np.ndarray:
    """`count` well-mixed 32-bit words (the lowbias32 mixer of a Weyl sequence that starts at the name's hash)."""
    with np.errstate(over="ignore"):
        x = hash_name(name) + np.arange(count, dtype=np.uint32) * GOLDEN
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x21F0AAAD)
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x735A2D97)
        return x ^ (x >> np.uint32(15))


def uniform(name: str, count: int) -> np.ndarray:
    """`count` float64 numbers in [-1, 1)."""
    return bits(name, count) / 2.0**31 - 1.0


def tensor(name: str, shape, scale: float = 1.0, offset: float = 0.0) -> torch.Tensor:
    """offset + scale * uniform, rounded to float32 and held as float64."""
    count = int(np.prod(shape))
    rounded = (offset + scale * uniform(name, count)).astype(np.float32)
    return torch.from_numpy(rounded.astype(np.float64)).reshape(tuple(shape))


def weight(net: str, name: str, shape) -> torch.Tensor:
    """A weight that leaves nothing degenerate: no zero biases, no unit norms, no 1e-5 gains."""
    key = f"{net}/{name}"
    if name.endswith("running_var"):
        return tensor(key, shape, 0.5, 1.0)
    if name.endswith("running_mean"):
        return tensor(key, shape, 0.2)
    if name.endswith("bias"):
        return tensor(key, shape, 0.2)
    if len(shape) == 1:
        return tensor(key, shape, 0.4, 1.0)
    return tensor(key, shape, float(np.sqrt(3.0 / np.prod(shape[1:]))))


def fill(module: torch.nn.Module, net: str) -> torch.nn.Module:
    """Draws every weight and statistic of `module` anew, in float64."""
    module.double()
    with torch.no_grad():
        for name, value in weights_of(module).items():
            value.copy_(weight(net, name, list(value.shape)))
    return module


def weights_of(module: torch.nn.Module) -> dict:
    """The state dict without what is no weight (counters, the fixed embedding table)."""
    skipped = ("num_batches_tracked", "timembedding.0.weight")
    return {k: v for k, v in module.state_dict().items() if not k.endswith(skipped)}


SAMPLES = 32


def summary(name: str, values) -> np.ndarray:
    """What is stored of a large tensor: 32 of its entries, its norm, its product with a fixed vector."""
    flat = np.asarray(values.detach() if isinstance(values, torch.Tensor) else values, np.float64).reshape(-1)
    picked = flat[bits(f"{name}#samples", SAMPLES) % np.uint32(flat.size)]
    projection = float(flat @ uniform(f"{name}#projection", flat.size))
    return np.concatenate([picked, [np.linalg.norm(flat), projection]])
