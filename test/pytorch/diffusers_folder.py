"""diffusers' side of a folder, by its arithmetic: python diffusers_folder.py read|write FOLDER

`read` draws images with what FOLDER/model holds, from its files only. `write` saves such a folder, with a network larger
than that of test/fixtures, and draws images with it by two schedulers; in float32 as well, to see what rounding does.
"""

import json
import pathlib
import sys

import diffusers_reference as ref
import make_diffusers_files as make
import torch
from safetensors.torch import load_file, save_file

DPM = {**make.SCHEDULER, "_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "trailing"}
DPM = {key: value for key, value in DPM.items() if key not in ("set_alpha_to_one", "clip_sample")}


@torch.no_grad()
def read(folder):
    config, scheduler = (
        json.loads((folder / "model" / path).read_text()) for path in ("unet/config.json", "scheduler/scheduler_config.json")
    )
    net = ref.UNet2D(config)
    net.load_state_dict(load_file(folder / "model/unet/diffusion_pytorch_model.safetensors"), strict=True)
    net.double()
    given = load_file(folder / "given.safetensors")
    model = lambda images, timesteps: net(images, timesteps, given.get("labels"))  # noqa: E731
    images = ref.ddim(scheduler, model, given["noise"].double(), int(given["steps"]))
    save_file({"images": images.float().contiguous()}, folder / "results.safetensors")


@torch.no_grad()
def write(folder):
    kinds = ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"]
    config = {
        **make.UNET,
        "attention_head_dim": 8,
        "block_out_channels": [32, 64, 64],
        "down_block_types": kinds,
        "up_block_types": [kind.replace("Down", "Up") for kind in reversed(kinds)],
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "sample_size": 16,
    }
    make.OUT = folder
    net = make.fill(ref.UNet2D(config), "diffusers.larger")
    make.write_folder("model", net, make.SCHEDULER)
    (folder / "dpm.json").write_text(json.dumps(DPM))
    noise = make.tensor("diffusers/larger", [2, 3, 16, 16], 1.5)
    results = {"noise": noise}
    for suffix, dtype in (("", torch.float64), (".float32", torch.float32)):
        net.to(dtype)
        results |= {"ddim" + suffix: ref.ddim(make.SCHEDULER, net, noise.to(dtype), 10)}
        results |= {"dpm" + suffix: ref.dpm_solver(DPM, net, noise.to(dtype), 10)}
    save_file({name: value.float().contiguous() for name, value in results.items()}, folder / "results.safetensors")


{"read": read, "write": write}[sys.argv[1]](pathlib.Path(sys.argv[2]))
