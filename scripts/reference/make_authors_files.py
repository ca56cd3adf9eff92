"""Writes test/fixtures/authors/*: python scripts/reference/make_authors_files.py [FOLDER] (see README.md).

Checkpoints laid out as the authors' code saves them, with small networks, and in expected.safetensors what PyTorch
computes with them in float64: the images of x_T, and a classifier's logits and features.
"""

import pathlib
import sys

import torch
from safetensors.torch import save_file

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import reference as ref  # noqa: E402
from networks import DenseNet, ResNet, UNet  # noqa: E402
from values import fill, tensor  # noqa: E402

OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "authors"
STEPS = 16  # of the base model; the student takes every fourth


def unet(name):
    return fill(UNet(4, [1, 2], [1], 1, time_scale=STEPS, groups=2), f"authors.{name}").eval()


def state(module, prefix=""):
    """The state dict in float32; counters stay integers."""
    entries = module.state_dict().items()
    return {prefix + name: value.float() if value.is_floating_point() else value for name, value in entries}


def images(net, noise, steps):
    model = (lambda zt, times: net(zt, times * STEPS), "x0")
    return ref.ddim(model, ref.discrete_cosine(STEPS), noise, [i / steps for i in range(steps, -1, -1)], clip=True)


def nhwc(x):
    return x.permute(0, 2, 3, 1).contiguous().float()


@torch.no_grad()
def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    noise = tensor("authors/x_T", [2, 3, 8, 8], 1.5)
    net, ema, student = unet("net"), unet("ema"), unet("student")
    fixed = {"x_T": noise.float(), "T": STEPS, "time_scale": 1}
    torch.save({"net_model": state(net), "ema_model": state(ema), **fixed}, folder / "base.pt")
    # As saved under DataParallel, in the format before PyTorch 1.6.
    few = {"net_model": state(student, "module."), **fixed, "T": 4, "time_scale": STEPS // 4}
    torch.save(few, folder / "student.pt", _use_new_zipfile_serialization=False)
    expected = {f"{name}.images": nhwc(images(*given)) for name, given in {
        "base.net_model": (net, noise, STEPS),
        "base.ema_model": (ema, noise, STEPS),
        "student.net_model": (student, noise, 4),
    }.items()}
    for name, judge in {"resnet": ResNet([1, 1], 8), "densenet": DenseNet([2, 2], 4)}.items():
        fill(judge, f"authors.{name}").eval()
        torch.save({"model": state(judge, "module." if name == "densenet" else "")}, folder / f"{name}.pt")
        logits, features = judge(noise)
        expected |= {f"{name}.logits": logits.float(), f"{name}.features": features.float()}
    save_file(expected, folder / "expected.safetensors")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
