"""Writes test/fixtures/torch/*: python scripts/reference/make_torch_files.py (see README.md).

Small files of torch.save in both of its formats, with everything that a checkpoint of tensors may hold, one with what
torch.load(weights_only=True) allows besides (leaves*.pt), and one that holds what it may not. Expected values stand in
test/formats/torch/checkpoint.test.ts and test/formats/torch/leaves.test.ts: all tensors count upwards.
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


def leaves():
    """Everything on the list of torch/_weights_only_unpickler.py that torch.save writes, beside a plain tensor."""
    with_attributes, parameter = count(3), torch.nn.Parameter(count(3))
    with_attributes.note = parameter.note = {"made by": "hand"}
    hooked = torch.nn.Parameter(count(3))
    hooked.register_hook(lambda grad: grad)
    optimizer = torch.optim.SGD([torch.nn.Parameter(count(3))], lr=0.1)
    itself = [1]
    itself.append(itself)
    eye, scales = torch.eye(2), torch.tensor([0.5, 0.5])
    quantised = torch.quantize_per_tensor
    return {
        "read": {
            "attributes": with_attributes,
            "parameter": parameter,
            "hooked": hooked,
            "buffer": torch.nn.Buffer(count(3)),
            "scheduler": torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 80]).state_dict(),
            "counters": [collections.Counter("aab"), collections.Counter()],
            "types": [torch.float16, torch.float8_e4m3fn, torch.uint3, torch.bits8, torch.complex32],
            "names": [torch.sparse_coo, torch.per_tensor_affine, torch.device("cuda", 1)],
            "bytes": [b"", b"\x00\xff", bytearray(b"ab"), bytearray()],
            "keys": {None: 1, (0, 1): 2, ("a", None, (True,)): 3, 0.5: 4, 2**60: 5, (): 6},
            "frozen": frozenset([1]),
            "half a pair": "a\ud800b",
        },
        "unread": {
            "complex number": 1 + 2j,
            "bytes as a key": {b"k": 1},
            "equal keys": {1: 1, "1": 2},
            "itself": itself,
            "coo": eye.to_sparse(),
            "csr": eye.to_sparse_csr(),
            "qint8": quantised(count(3), 1, 0, torch.qint8),
            "qint32": quantised(count(3), 1, 0, torch.qint32),
            "quint4x2": torch.quantize_per_channel(eye, scales, torch.zeros(2), 0, torch.quint4x2),
            "float8": count(3).to(torch.float8_e4m3fn),
            "float4": torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
            "complex64": count(3) + 1j,
            "complex128": (count(3) + 1j).to(torch.complex128),
            "complex32": (count(3) + 1j).to(torch.complex32),
            "negated": (count(3) * 1j).conj().imag,
            "conjugated": (count(3) + 1j).conj(),
            "meta": torch.zeros(3, device="meta"),
            "nested": torch.nested.nested_tensor([count(3)]),
            "jagged": torch.nested.nested_tensor([count(3)], layout=torch.jagged),
            "storage": count(3).untyped_storage(),
        },
        "model": {"w": count(3)},
    }


torch.manual_seed(0)
torch.save(everything(["uint16", "uint32", "uint64"]), OUT / "everything.pt")
torch.save(everything([]), OUT / "everything-legacy.pt", _use_new_zipfile_serialization=False)
torch.save(leaves(), OUT / "leaves.pt")
torch.save(leaves(), OUT / "leaves-legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"args": argparse.Namespace(epochs=1), "weight": count(2)}, OUT / "namespace.pt")
for file in sorted(OUT.iterdir()):
    print(file.name, file.stat().st_size)
