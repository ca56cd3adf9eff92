"""Writes test/fixtures/metrics: python scripts/reference/make_metrics_files.py (see README.md).

features.safetensors: features and logits as float32, and what the papers' formulas give for them in float64, with numpy
alone. plain.npz and compressed.npz: arrays of the three types in both orders and all versions of the format.
"""

import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "metrics"
COMMAND = "python scripts/reference/make_metrics_files.py"


def kernel_distance(a, b):
    """Binkowski et al. 2018; Gretton et al. 2012, Eq. 4: the unbiased estimator without pairs (i, i)."""
    n, width = a.shape

    def kernel(x, y):
        return (x @ y.T / width + 1) ** 3

    others = ~np.eye(n, dtype=bool)
    return (kernel(a, a) + kernel(b, b))[others].sum() / (n * (n - 1)) - 2 * kernel(a, b).mean()


def inception_scores(logits, splits):
    """Salimans et al. 2016, with the splits of their code."""
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    n = len(p)
    parts = [p[i * n // splits:(i + 1) * n // splits] for i in range(splits)]
    return np.array([np.exp((part * np.log(part / part.mean(0))).sum(1).mean()) for part in parts])


def distances(a, b):
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(2))


def precision_recall(real, generated, k):
    """Kynkaanniemi et al. 2019, Eqs. 1 and 2; Naeem et al. 2020, Eqs. 3 to 5."""
    between = distances(real, generated)
    radii = np.sort(distances(real, real), 1)[:, k]  # column 0 is the vector itself
    in_balls = between <= radii[:, None]
    in_generated_balls = between <= np.sort(distances(generated, generated), 1)[:, k][None]
    return [in_balls.any(0).mean(), in_generated_balls.any(1).mean(), in_balls.sum() / (k * len(generated)), in_balls.any(1).mean()]


def npz_files():
    grid = np.arange(24.0).reshape(2, 3, 4)
    arrays = {"mu": np.array([0.5, -1, 2]), "rows": grid.astype(np.float32), "columns": np.asfortranarray(grid),
              "count": np.array(50000), "none": np.zeros((0, 3)), "integers": np.array([[-(2**62)], [7]])}
    np.savez(OUT / "plain.npz", **arrays)
    np.savez_compressed(OUT / "compressed.npz", **arrays)
    for version in [(2, 0), (3, 0)]:
        with open(OUT / f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, grid, version=version)


def main():
    rng = np.random.default_rng(7)
    a = rng.standard_normal((61, 5)).astype(np.float32)
    b = (rng.standard_normal((53, 5)) * 1.2 + 0.4).astype(np.float32)
    logits = (rng.standard_normal((23, 7)) * 3).astype(np.float32)
    x, y, z = (array.astype(np.float64) for array in (a, b, logits))
    scores = inception_scores(z, 4)
    results = {
        "kernel": kernel_distance(x[:53], y),
        "inception": [scores.mean(), scores.std()],
        "precision.k3": precision_recall(x, y, 3),
        "precision.k5": precision_recall(x, y, 5),
    }
    arrays = {name: np.array(value, dtype=np.float64) for name, value in results.items()} | {"a": a, "b": b, "logits": logits}
    OUT.mkdir(exist_ok=True)
    settings = json.dumps({"command": COMMAND, "numpy": np.__version__, "splits": 4})
    save_file(arrays, OUT / "features.safetensors", metadata={"settings": settings})
    npz_files()
    print(results)


main()
