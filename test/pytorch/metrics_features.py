"""torchmetrics on FOLDER/features.safetensors (a, b, logits): writes FOLDER/metrics.safetensors

Features pass through metrics as they are, in the place of the Inception network's.
"""

import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance


class Same(torch.nn.Module):
    num_features = 16  # FrechetInceptionDistance asks

    def forward(self, features):
        return features


folder = pathlib.Path(sys.argv[1])
tensors = {name: tensor.double() for name, tensor in load_file(folder / "features.safetensors").items()}
count = len(tensors["a"])
kernel = KernelInceptionDistance(Same(), subsets=2, subset_size=count)  # any order of all: twice the same number
score = InceptionScore(Same(), splits=1)
frechet = FrechetInceptionDistance(Same())
for metric in (kernel, frechet):
    metric.set_dtype(torch.float64)
    metric.update(tensors["a"], real=True)
    metric.update(tensors["b"], real=False)
score.set_dtype(torch.float64)
score.update(tensors["logits"])
results = {"kernel": kernel.compute()[0], "score": score.compute()[0], "frechet": frechet.compute()}
save_file({name: value.double().reshape(1) for name, value in results.items()}, folder / "metrics.safetensors")
