"""Writes test/fixtures/docs/base.pt: python scripts/reference/make_documented_files.py [FOLDER] (see README.md).

A checkpoint as the authors' code saves it, with their 32 groups, for the examples of the documentation, which read it but
compare nothing. But for the table of embeddings every tensor is one number, expanded, so that the file stays small.
"""

import pathlib
import sys

import torch

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from networks import UNet  # noqa: E402

OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "docs"
STEPS = 16
TABLE = "time_embedding.timembedding.0.weight"


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    entries = UNet(32, [1], [], 1, time_scale=STEPS, groups=32).state_dict().items()
    small = torch.full([], 0.01)
    state = {name: value.float() if name == TABLE else small.expand(value.shape) for name, value in entries}
    torch.save({"net_model": state, "ema_model": state, "T": STEPS, "time_scale": 1}, folder / "base.pt")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
