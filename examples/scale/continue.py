"""Continues a progressive distillation that cfd-distill began: torchrun --nproc-per-node 2 continue.py FOLDER

FOLDER is what examples/scale/scale.ts wrote: teacher, student, Adam's moments, images and plan. Each process takes its
share of every batch, DistributedDataParallel averages the gradients; the first writes student.pt and log.jsonl.
"""

import json
import math
import pathlib
import sys

import torch
from safetensors.torch import load_file
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "reference"))
import reference as ref  # noqa: E402
from networks import UNet  # noqa: E402


class Model(nn.Module):
    """The U-Net as a function of times in [0, 1]."""

    def __init__(self, config, weights):
        super().__init__()
        shape = [config[key] for key in ("channels", "multipliers", "attention", "blocks", "timeScale")]
        self.scale, self.net = config["timeScale"], UNet(*shape, config.get("classes", 0), config["groups"])
        self.net.load_state_dict(weights, strict=True)

    def forward(self, zt, times, labels):
        return self.net(zt, times * self.scale, labels)


def adam_of(model, moments, plan):
    """Adam as it stood: PyTorch numbers the parameters, cfd-distill names them."""
    trained = [(name, p) for name, p in model.net.named_parameters() if p.requires_grad]
    optimizer = torch.optim.Adam([p for _, p in trained], lr=plan["rate"])
    for name, parameter in trained:
        optimizer.state[parameter] = {
            "step": torch.tensor(float(plan["done"])),
            "exp_avg": moments[f"expAvg.{name}"].clone(),
            "exp_avg_sq": moments[f"expAvgSq.{name}"].clone(),
        }
    return optimizer


def main(folder):
    distributed.init_process_group("gloo")
    rank, world = distributed.get_rank(), distributed.get_world_size()
    torch.set_num_threads(1)
    plan = json.loads((folder / "plan.json").read_text())
    teacher = Model(plan["network"], load_file(folder / "teacher.safetensors")).eval()
    student = Model(plan["network"], load_file(folder / "student.safetensors"))
    optimizer = adam_of(student, load_file(folder / "adam.safetensors"), plan)
    parallel = DistributedDataParallel(student)
    data = load_file(folder / "images.safetensors")
    schedule = ref.schedule_named(plan["schedule"], plan["network"]["timeScale"])
    steps, share = plan["studentSteps"], plan["batch"] // world
    random = torch.Generator().manual_seed(1000 * plan["seed"] + rank)
    log = (folder / "log.jsonl").open("w") if rank == 0 else None
    for step in range(plan["done"], plan["total"]):
        for group in optimizer.param_groups:
            group["lr"] = plan["rate"] * (1 + math.cos(math.pi * step / plan["total"])) / 2
        picked = torch.randint(len(data["images"]), (share,), generator=random)
        x0 = data["images"][picked].float() / 127.5 - 1
        labels = data["labels"][picked].long()
        eps = torch.randn(x0.shape, generator=random)
        times = (torch.randint(steps, (share,), generator=random) + 1).double() / steps
        teach = (lambda zt, t: teacher(zt, t, labels), plan["predictionType"])
        learn = (lambda zt, t: parallel(zt, t, labels), plan["predictionType"])
        terms = ref.progressive_loss(learn, teach, schedule, x0, eps, times, steps, plan["weighting"])
        optimizer.zero_grad()
        terms["loss"].backward()
        norm = nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        if log:
            log.write(json.dumps({"step": step, "loss": terms["loss"].item(), "gradientNorm": norm.item()}) + "\n")
    if rank == 0:
        noise = load_file(folder / "noise.safetensors")
        with torch.no_grad():
            draw = (lambda zt, t: student(zt, t, noise["labels"].long()), plan["predictionType"])
            times = [i / steps for i in range(steps, -1, -1)]
            images = ref.ddim(draw, schedule, noise["noise"], times, clip=True)
        torch.save({"net_model": student.net.state_dict(), "images": images, "step": plan["total"]}, folder / "student.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
