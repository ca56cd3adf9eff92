"""Writes test/fixtures/diffusers/*: python scripts/reference/make_diffusers_files.py (see README.md).

Folders as diffusers saves them, with small networks, and what the reference computes with them.
"""

import json
import math
import pathlib
import shutil
import sys

import numpy as np
import torch
from safetensors.torch import save_file

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import diffusers_reference as ref  # noqa: E402
from values import fill, tensor  # noqa: E402

OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "diffusers"
COMMAND = "python scripts/reference/make_diffusers_files.py"

UNET = {
    "_class_name": "UNet2DModel",
    "_diffusers_version": "0.35.0",
    "act_fn": "silu",
    "attention_head_dim": 4,
    "block_out_channels": [8, 16],
    "center_input_sample": False,
    "class_embed_type": None,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "downsample_padding": 0,
    "dropout": 0.0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "in_channels": 3,
    "layers_per_block": 1,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-6,
    "norm_num_groups": 4,
    "num_class_embeds": None,
    "out_channels": 3,
    "resnet_time_scale_shift": "default",
    "sample_size": 8,
    "time_embedding_type": "positional",
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
}
# The other way round in everything that can differ.
OTHER = {
    **UNET,
    "attention_head_dim": None,
    "block_out_channels": [8, 8],
    "down_block_types": ["AttnDownBlock2D", "DownBlock2D"],
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "layers_per_block": 2,
    "norm_eps": 1e-5,
    "num_class_embeds": 3,
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D"],
}
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "clip_sample": True,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "set_alpha_to_one": True,
    "steps_offset": 0,
    "timestep_spacing": "leading",
    "trained_betas": None,
}


def network(name, config):
    return fill(ref.UNet2D(config), f"diffusers.{name}")


def write_folder(folder, model, scheduler, old=False):
    path = OUT / folder
    (path / ("" if old else "unet")).mkdir(parents=True)
    state = {name: value.float().contiguous() for name, value in model.state_dict().items()}
    if old:
        torch.save(ref.old_names(state), path / "diffusion_pytorch_model.bin")
        (path / "config.json").write_text(json.dumps(model.config, indent=2))
        (path / "scheduler_config.json").write_text(json.dumps(scheduler, indent=2))
        return
    (path / "scheduler").mkdir()
    save_file(state, path / "unet" / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    (path / "unet" / "config.json").write_text(json.dumps(model.config, indent=2))
    (path / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler, indent=2))
    (path / "model_index.json").write_text(json.dumps({"_class_name": "DDIMPipeline"}))


def nhwc(x):
    return x.detach().permute(0, 2, 3, 1).contiguous().float()


def picture(name):
    return tensor(name, [2, 8, 8, 3], 1.5).permute(0, 3, 1, 2)


SCHEDULES = [
    {},
    {"beta_schedule": "scaled_linear", "beta_end": 0.012, "steps_offset": 1, "set_alpha_to_one": False},
    {"beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing"},
    {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
    {"_class_name": "DDPMScheduler", "beta_schedule": "sigmoid", "timestep_spacing": "linspace"},
    {"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "linspace"},
    {"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "leading", "steps_offset": 1},
    {"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "trailing"},
    {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading", "steps_offset": 1},
    {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
    {"_class_name": "HeunDiscreteScheduler", "timestep_spacing": "trailing", "beta_schedule": "squaredcos_cap_v2"},
]
FLOWS = [
    {"num_train_timesteps": 1000, "shift": 1.0},
    {"num_train_timesteps": 1000, "shift": 3.0},
    {"num_train_timesteps": 500, "shift": 0.5, "shift_terminal": 0.1},
]


def main():
    for name in ("ddim", "old"):  # others lie beside them
        shutil.rmtree(OUT / name, ignore_errors=True)
    results = {}
    first, second = network("first", UNET), network("second", OTHER)
    multistep = {**SCHEDULER, "_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "linspace"}
    del multistep["set_alpha_to_one"], multistep["clip_sample"]
    multistep |= {"prediction_type": "sample", "beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -math.inf}
    v = {**SCHEDULER, "prediction_type": "v_prediction", **SCHEDULES[1], "clip_sample": False}
    write_folder("ddim", first, SCHEDULER)
    write_folder("old", second, v, old=True)
    (OUT / "dpm-solver.json").write_text(json.dumps(multistep, indent=2))
    x, noise, steps = picture("diffusers/x"), picture("diffusers/noise"), torch.tensor([3, 971])
    with torch.no_grad():
        results["first.output"] = nhwc(first(x, steps))
        results["second.output"] = nhwc(second(x, steps, torch.tensor([2, 0])))
        results["ddim.samples"] = nhwc(ref.ddim(SCHEDULER, first, noise, 5))
        labelled = lambda images, t: second(images, t, torch.tensor([1, 2]))  # noqa: E731
        results["old.samples"] = nhwc(ref.ddim(v, labelled, noise, 4))
        results["dpm-solver.samples"] = nhwc(ref.dpm_solver(multistep, first, noise, 6))
        for i in (8, 9):
            results[f"euler.{i}.samples"] = nhwc(ref.euler({**SCHEDULER, **SCHEDULES[i]}, first, noise, 5))
        for i, flow in enumerate(FLOWS):
            results[f"flow.{i}.samples"] = nhwc(ref.flow_match(flow, first, noise, 5))
            for count in (2, 5, 50):
                results[f"flow.{i}.sigmas.{count}"] = torch.from_numpy(ref.flow_sigmas(flow, count))
    configs = [{**SCHEDULER, **changes} for changes in SCHEDULES]
    for i, config in enumerate(configs):
        results[f"schedule.{i}"] = torch.from_numpy(ref.alphas_cumprod(config).copy())
        for count in (1, 5, 7, 50):
            results[f"timesteps.{i}.{count}"] = torch.from_numpy(ref.timesteps(config, count).copy())
    settings = json.dumps({"command": COMMAND, "schedulers": configs, "flows": FLOWS})
    save_file(results, OUT / "expected.safetensors", metadata={"settings": settings})
    for file in sorted(OUT.rglob("*.*")):
        print(file.relative_to(OUT), file.stat().st_size)



if __name__ == "__main__":
    main()
