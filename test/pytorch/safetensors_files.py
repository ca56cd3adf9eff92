"""Python's safetensors on files of both sides: python safetensors_files.py write|rewrite FOLDER

`write` saves tensors of every type that PyTorch and the format share. `rewrite` loads each FOLDER/*.safetensors and saves
it again as *.again, with its metadata.
"""

import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

DTYPES = "bool uint8 int8 float8_e5m2 float8_e4m3fn int16 uint16 float16 bfloat16 int32 uint32 float32 float64 int64 uint64".split()


def write(folder):
    tensors = {f"{name}.{i}": torch.arange(6).reshape(shape).to(getattr(torch, name))
               for name in DTYPES for i, shape in enumerate([(6,), (3, 2)])}
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "__proto__": torch.ones(1), "ä\n\"\\": torch.ones(1)}
    save_file(tensors, folder / "plain.safetensors")
    save_file(tensors, folder / "metadata.safetensors", metadata={"format": "pt"})
    save_file({}, folder / "nothing.safetensors")
    save_file(dict(torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.BatchNorm2d(5)).state_dict()), folder / "net.safetensors")


def rewrite(folder):
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        save_file(load_file(path), path.with_suffix(".again"), metadata=metadata)


{"write": write, "rewrite": rewrite}[sys.argv[1]](pathlib.Path(sys.argv[2]))
