"""Public classifiers in PyTorch: python real_classifiers.py FOLDER FILE BLOCKS...

For each FILE, of so many blocks a stage: the logits and features of FOLDER/images.safetensors, in FOLDER/FILE.safetensors.
"""

import pathlib
import sys

import torch
from networks import ResNet
from safetensors.torch import load_file, save_file

MEAN, STD = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
folder = pathlib.Path(sys.argv[1])
images = load_file(folder / "images.safetensors")["images"]
for file, blocks in zip(sys.argv[2::2], sys.argv[3::2]):
    net = ResNet([int(blocks)] * 3, width=16, option_a=True).eval()
    weights = torch.load(file, map_location="cpu", weights_only=True)["state_dict"]
    net.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()}, strict=True)
    with torch.no_grad():
        logits, features = net(((images + 1) / 2 - MEAN) / STD)
    save_file({"logits": logits, "features": features}, folder / (pathlib.Path(file).name + ".safetensors"))
