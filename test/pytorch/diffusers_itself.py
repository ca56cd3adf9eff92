"""diffusers itself, where it is installed: python diffusers_itself.py write|read FOLDER

`write` saves pipelines with random networks and computes with them; `read` loads FOLDER/model as a pipeline and draws with it.
"""

import json
import pathlib
import sys

import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DModel
from safetensors.torch import load_file, save_file

SCHEDULERS = {"DDIM": DDIMScheduler, "DDPM": DDPMScheduler, "DPM": DPMSolverMultistepScheduler}
SMALL = {"sample_size": 16, "layers_per_block": 1, "block_out_channels": [32, 64], "norm_num_groups": 16}
DOWN, UP = ["DownBlock2D", "AttnDownBlock2D"], ["AttnUpBlock2D", "UpBlock2D"]
NETWORKS = {
    "plain": {"down_block_types": DOWN, "up_block_types": UP, "attention_head_dim": None},
    "heads": {
        **{"down_block_types": DOWN[::-1], "up_block_types": UP[::-1], "attention_head_dim": 8, "norm_eps": 1e-6},
        **{"downsample_padding": 0, "flip_sin_to_cos": False, "freq_shift": 1, "num_class_embeds": 5},
    },
}
VARIED = {
    "beta_schedule": ["linear", "scaled_linear", "squaredcos_cap_v2"],
    "timestep_spacing": ["leading", "trailing", "linspace"],
    "steps_offset": [0, 1],
    "prediction_type": ["epsilon", "sample", "v_prediction"],
}
EXTRA = {
    "DDIM": [{"set_alpha_to_one": False}, {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, {"clip_sample": False}],
    "DDPM": [{"beta_schedule": "sigmoid"}, {"rescale_betas_zero_snr": True}],
    "DPM": [],
}
COUNTS = [1, 2, 5, 7, 10, 50, 61, 64, 333]


def draw(scheduler, net, noise, steps, labels):
    scheduler.set_timesteps(steps)
    x = noise
    for t in scheduler.timesteps:
        x = scheduler.step(net(x, t, labels).sample, t, x).prev_sample
    return x


@torch.no_grad()
def write(folder):
    torch.manual_seed(0)
    results = {"noise": torch.randn(2, 3, 16, 16), "labels": torch.tensor([3, 0])}
    for name, config in NETWORKS.items():
        net = UNet2DModel(**SMALL, **config).eval()
        for parameter in net.parameters():
            if parameter.ndim > 1:
                torch.nn.init.xavier_uniform_(parameter)
        scheduler = DDIMScheduler(prediction_type="sample", timestep_spacing="trailing")
        DDIMPipeline(net, scheduler).save_pretrained(folder / name)
        DDPMPipeline(net, DDPMScheduler()).save_pretrained(folder / (name + "-bin"), safe_serialization=False)
        labels = results["labels"] if config.get("num_class_embeds") else None
        results[name + ".output"] = net(results["noise"], torch.tensor([3, 971]), labels).sample
        results[name + ".ddim"] = draw(scheduler, net, results["noise"], 10, labels)
        dpm = DPMSolverMultistepScheduler(prediction_type="sample")
        dpm.save_pretrained(folder / (name + "-dpm"))
        results[name + ".dpm"] = draw(dpm, net, results["noise"], 10, labels)
    configs, described = [], []
    for kind, options in EXTRA.items():
        for key, values in VARIED.items():
            configs += [(kind, {key: value}) for value in values]
        configs += [(kind, {"timestep_spacing": s, "steps_offset": 1}) for s in VARIED["timestep_spacing"]]
        configs += [(kind, option) for option in options]
    for i, (kind, options) in enumerate(configs):
        scheduler = SCHEDULERS[kind](**options)
        scheduler.save_config(folder / f"scheduler-{i}")
        visited = {}
        for count in COUNTS + ([1000] if kind != "DPM" else []):
            scheduler.set_timesteps(count)
            visited[count] = scheduler.timesteps.tolist()
        results[f"alphas.{i}"] = scheduler.alphas_cumprod.double()
        described.append({"kind": kind, "options": options, "timesteps": visited})
    (folder / "schedulers.json").write_text(json.dumps(described))
    save_file({name: value.contiguous() for name, value in results.items()}, folder / "results.safetensors")


@torch.no_grad()
def read(folder):
    pipeline = DDIMPipeline.from_pretrained(folder / "model")
    given = load_file(folder / "given.safetensors")
    scheduler = pipeline.scheduler
    assert isinstance(scheduler, DDIMScheduler)
    images = draw(scheduler, pipeline.unet, given["noise"], int(given["steps"]), given.get("labels"))
    save_file({"images": images.contiguous()}, folder / "results.safetensors")


{"write": write, "read": read}[sys.argv[1]](pathlib.Path(sys.argv[2]))
