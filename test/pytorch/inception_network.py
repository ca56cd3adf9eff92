"""Inception with random weights: writes FOLDER/inception.pth and, for FOLDER/images.safetensors, FOLDER/inception.safetensors."""

import pathlib
import sys

import torch
from inception import Inception, resize_pytorch_fid, resize_torch_fidelity
from safetensors.torch import load_file, save_file

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(0)
net = Inception().eval()
for module in net.modules():
    if isinstance(module, torch.nn.Conv2d):
        torch.nn.init.kaiming_normal_(module.weight)
    if isinstance(module, torch.nn.BatchNorm2d):
        for tensor in (module.weight.data, module.running_var):
            tensor.uniform_(0.5, 1.5)
        for tensor in (module.bias.data, module.running_mean):
            tensor.uniform_(-0.2, 0.2)
torch.save(net.state_dict(), folder / "inception.pth")
net.double()
images = load_file(folder / "images.safetensors")["images"].double()  # in [-1, 1]
resizes = {"pytorch-fid": resize_pytorch_fid((images + 1) / 2), "torch-fidelity": resize_torch_fidelity((images + 1) * 127.5)}
results = {}
with torch.no_grad():
    for name, resized in resizes.items():
        results[f"{name}.features"], results[f"{name}.logits"] = net(resized)
save_file({name: value.float().contiguous() for name, value in results.items()}, folder / "inception.safetensors")
