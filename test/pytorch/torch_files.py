"""One object, saved in every way that torch.save has: python torch_files.py FOLDER"""

import collections
import pathlib
import sys

import torch

folder = pathlib.Path(sys.argv[1])
base = torch.arange(24.0)
saved = {
    "weights": collections.OrderedDict(whole=base, turned=base.view(4, 6).t(), part=base[5:9], half=base[:3].half()),
    "parameter": torch.nn.Parameter(base[:2].clone()),
    "plain": [None, True, -1, 2**40, 2**70, 0.1, "ä" * 300, b"\x00\xff" * 200, (1, (2, 3)), {"one"}, torch.Size([2, 3])],
    "long": list(range(3000)),
}
for protocol in (2, 3, 4, 5):
    torch.save(saved, folder / f"zip-{protocol}.pt", pickle_protocol=protocol)
torch.save(saved, folder / "old-2.pt", _use_new_zipfile_serialization=False)
torch.save(torch._neg_view(base), folder / "negated.pt")
