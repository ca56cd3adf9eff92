"""Writes test/fixtures/torch/*: python scripts/reference/make_torch_files.py (see README.md).

Small files of torch.save in both of its formats, with everything that a checkpoint of tensors may hold, and one that
holds what it may not. Expected values stand in test/torch-checkpoint.test.ts: all tensors count upwards.
"""

import argparse
import collections
import pathlib

import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "torch"
OUT.mkdir(exist_ok=True)


def count(*shape, dtype=torch.float32):
    size = torch.Size(shape).numel()
    return torch.arange(size).reshape(shape).to(dtype)


def everything(unsigned):
    shared = count(12)
    module = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.5)
    module(torch.ones(3, 2)).sum().backward()
    optimizer.step()
    dtypes = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split() + unsigned
    return {
        "dtypes": {name: count(3, dtype=getattr(torch, name)) for name in dtypes},
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "transposed": count(2, 3).t(),
        "reversed axes": count(2, 3, 4).permute(2, 1, 0),
        "every second": count(8)[1::2],
        "expanded": count(2, 1).expand(2, 3),
        "shared": [shared, shared[4:8], shared.view(3, 4)[:, 1]],
        "parameter": torch.nn.Parameter(count(2)),
        "module": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "plain": [None, True, False, 0, -1, 255, 65535, -(2**31), 2**40, 2**70, 0.1, "ä", b"\x00\xff", (), (1,), {2}],
        "ordered": collections.OrderedDict([("__proto__", 1), ("constructor", 2)]),
        "size": torch.Size([1, 2]),
        "number keys": {0: "a", 1: "b"},
    }


torch.manual_seed(0)
torch.save(everything(["uint16", "uint32", "uint64"]), OUT / "everything.pt")
torch.save(everything([]), OUT / "everything-legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"args": argparse.Namespace(epochs=1), "weight": count(2)}, OUT / "namespace.pt")
for file in sorted(OUT.iterdir()):
    print(file.name, file.stat().st_size)
