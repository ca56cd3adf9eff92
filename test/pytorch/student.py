"""A student of ours in PyTorch: python student.py FOLDER

Reads config.json, student.safetensors and given.safetensors; writes the images drawn from the given noise, the gradients
of the loss on the given batch, and the student as the authors' code saves one. In float32, as its users would.
"""

import json
import pathlib
import sys

import reference as ref
import torch
from networks import UNet
from safetensors.torch import load_file, save_file

folder = pathlib.Path(sys.argv[1])
plan = json.loads((folder / "config.json").read_text())
config, steps = plan["network"], plan["steps"]
shape = [config[key] for key in ("channels", "multipliers", "attention", "blocks", "timeScale")]
net = UNet(*shape, config.get("classes", 0), config["groups"])
net.load_state_dict(load_file(folder / "student.safetensors"), strict=True)
given = load_file(folder / "given.safetensors")
schedule = ref.schedule_named(plan["schedule"], config["timeScale"])
model = (lambda zt, times: net(zt, times * config["timeScale"], given.get("labels")), plan["predictionType"])

with torch.no_grad():
    images = ref.ddim(model, schedule, given["noise"], [i / steps for i in range(steps, -1, -1)], clip=True)
loss = ref.denoising_loss(model, schedule, given["x0"], given["noise"], given["times"], "x0")["loss"]
loss.backward()
gradients = {name: p.grad for name, p in net.named_parameters() if p.requires_grad}
save_file({"images": images.contiguous(), "loss": loss.detach()}, folder / "results.safetensors")
save_file(gradients, folder / "gradients.safetensors")
step = config["timeScale"] // steps
torch.save({"net_model": net.state_dict(), "x_T": given["noise"], "T": steps, "time_scale": step}, folder / "student.pt")
