"""diffusers' UNet2DModel and schedulers, written anew from what its source says they compute, in float64.

Names of modules and config keys are diffusers', so that a state dict or a config made here is one of theirs.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width, head, groups, eps):
        super().__init__()
        self.heads = width // head
        self.group_norm = nn.GroupNorm(groups, width, eps=eps)
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width), nn.Identity()])

    def forward(self, x):
        batch, width, height, across = x.shape
        rows = self.group_norm(x).flatten(2).transpose(1, 2)
        q, k, v = (
            layer(rows).view(batch, -1, self.heads, width // self.heads).transpose(1, 2)
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, -1, width)
        return self.to_out[0](mixed).transpose(1, 2).view(batch, width, height, across) + x


class Resnet(nn.Module):
    def __init__(self, width_in, width, embedding, groups, eps):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, width_in, eps=eps)
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1)
        self.time_emb_proj = nn.Linear(embedding, width)
        self.norm2 = nn.GroupNorm(groups, width, eps=eps)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        if width_in != width:
            self.conv_shortcut = nn.Conv2d(width_in, width, 1)

    def forward(self, x, temb):
        h = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(F.silu(temb))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Sampler(nn.Module):
    def __init__(self, width, padding):
        super().__init__()
        self.padding = padding
        stride = 1 if padding is None else 2
        self.conv = nn.Conv2d(width, width, 3, stride=stride, padding=1 if padding is None else padding)

    def forward(self, x):
        if self.padding is None:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        if self.padding == 0:
            x = F.pad(x, (0, 1, 0, 1))
        return self.conv(x)


class Level(nn.Module):
    """Residual blocks, each with attention if `head` is given, and a sampler if there is one."""

    def __init__(self, widths_in, width, embedding, groups, eps, head):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(w, width, embedding, groups, eps) for w in widths_in])
        if head is not None:
            self.attentions = nn.ModuleList([Attention(width, head, groups, eps) for _ in widths_in])

    def block(self, i, x, temb):
        x = self.resnets[i](x, temb)
        return self.attentions[i](x) if hasattr(self, "attentions") else x


class UNet2D(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = c = config
        widths, groups, eps = c["block_out_channels"], c["norm_num_groups"], c["norm_eps"]
        embedding, blocks, head = 4 * widths[0], c["layers_per_block"], c["attention_head_dim"]

        def level(kind, widths_in, width):
            return Level(widths_in, width, embedding, groups, eps, (head or width) if "Attn" in kind else None)

        self.conv_in = nn.Conv2d(c["in_channels"], widths[0], 3, padding=1)
        self.time_embedding = nn.ModuleDict(
            {"linear_1": nn.Linear(widths[0], embedding), "linear_2": nn.Linear(embedding, embedding)}
        )
        if c["num_class_embeds"]:
            self.class_embedding = nn.Embedding(c["num_class_embeds"], embedding)
        now, skips, self.down_blocks = widths[0], [widths[0]], nn.ModuleList()
        for i, (kind, width) in enumerate(zip(c["down_block_types"], widths)):
            down = level(kind, [now] + [width] * (blocks - 1), width)
            now, last = width, i == len(widths) - 1
            if not last:
                down.downsamplers = nn.ModuleList([Sampler(width, c["downsample_padding"])])
            skips += [width] * (blocks if last else blocks + 1)
            self.down_blocks.append(down)
        self.mid_block = Level([now, now], now, embedding, groups, eps, None)
        self.mid_block.attentions = nn.ModuleList([Attention(now, head or now, groups, eps)])
        self.up_blocks = nn.ModuleList()
        for i, (kind, width) in enumerate(zip(c["up_block_types"], reversed(widths))):
            widths_in = [(now if j == 0 else width) + skips.pop() for j in range(blocks + 1)]
            up = level(kind, widths_in, width)
            now = width
            if i < len(widths) - 1:
                up.upsamplers = nn.ModuleList([Sampler(width, None)])
            self.up_blocks.append(up)
        self.conv_norm_out = nn.GroupNorm(groups, now, eps=eps)
        self.conv_out = nn.Conv2d(now, c["out_channels"], 3, padding=1)

    def encode(self, timesteps):
        half = self.config["block_out_channels"][0] // 2
        rates = torch.exp(-math.log(10000) * torch.arange(half) / (half - self.config["freq_shift"]))
        angles = timesteps[:, None] * rates.double()[None, :]
        parts = [torch.sin(angles), torch.cos(angles)]
        return torch.cat(parts[::-1] if self.config["flip_sin_to_cos"] else parts, dim=1)

    def forward(self, x, timesteps, labels=None):
        embed = self.time_embedding
        temb = embed["linear_2"](F.silu(embed["linear_1"](self.encode(timesteps.double()).to(x.dtype))))
        if labels is not None:
            temb = temb + self.class_embedding(labels)
        h = self.conv_in(x)
        skips = [h]
        for down in self.down_blocks:
            for i in range(len(down.resnets)):
                h = down.block(i, h, temb)
                skips.append(h)
            if hasattr(down, "downsamplers"):
                h = down.downsamplers[0](h)
                skips.append(h)
        h = self.mid_block.resnets[0](h, temb)
        h = self.mid_block.resnets[1](self.mid_block.attentions[0](h), temb)
        for up in self.up_blocks:
            for i in range(len(up.resnets)):
                h = up.block(i, torch.cat((h, skips.pop()), dim=1), temb)
            if hasattr(up, "upsamplers"):
                h = up.upsamplers[0](h)
        return self.conv_out(F.silu(self.conv_norm_out(h)))


def old_names(state):
    """The names of attention's layers before diffusers 0.15."""
    swaps = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}

    def old(name):
        for new, before in swaps.items():
            name = name.replace(new, before)
        return name

    return {old(name): value for name, value in state.items()}


def alphas_cumprod(c):
    count, start, end = c["num_train_timesteps"], c.get("beta_start"), c.get("beta_end")
    if c.get("trained_betas") is not None:
        betas = np.array(c["trained_betas"])
    elif c["beta_schedule"] == "linear":
        betas = np.linspace(start, end, count)
    elif c["beta_schedule"] == "scaled_linear":
        betas = np.linspace(start**0.5, end**0.5, count) ** 2
    elif c["beta_schedule"] == "sigmoid":
        betas = 1 / (1 + np.exp(-np.linspace(-6, 6, count))) * (end - start) + start
    else:
        f = lambda u: math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
        betas = np.array([min(1 - f((i + 1) / count) / f(i / count), 0.999) for i in range(count)])
    alpha_bars = np.cumprod(1 - betas)
    if c.get("rescale_betas_zero_snr"):
        roots = np.sqrt(alpha_bars)
        roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
        alpha_bars = roots**2
    return alpha_bars


def timesteps(c, steps):
    count, multistep = c["num_train_timesteps"], c["_class_name"] == "DPMSolverMultistepScheduler"
    spacing = c["timestep_spacing"]
    if spacing == "trailing":
        return np.round(np.arange(count, 0, -count / steps)).astype(np.int64) - 1
    pieces = steps + 1 if multistep else steps
    if spacing == "linspace":
        visited = np.linspace(0, count - 1, pieces).round()
    else:
        visited = np.arange(pieces) * (count // pieces) + c["steps_offset"]
    return visited[::-1][:steps].astype(np.int64)


def split(c, alpha_bar, x, output):
    """The prediction as x0 and eps."""
    alpha, sigma = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    if c["prediction_type"] == "epsilon":
        return (x - sigma * output) / alpha, output
    if c["prediction_type"] == "sample":
        return output, (x - alpha * output) / sigma
    return alpha * x - sigma * output, alpha * output + sigma * x


def ddim(c, model, x, steps):
    """DDIMScheduler.step with eta 0, from the first timestep to the last."""
    bars = alphas_cumprod(c)
    final = 1.0 if c["set_alpha_to_one"] else bars[0]
    for t in timesteps(c, steps):
        previous = t - c["num_train_timesteps"] // steps
        bar = bars[previous] if previous >= 0 else final
        x0, eps = split(c, bars[t], x, model(x, torch.full((len(x),), int(t))))
        if c["clip_sample"]:
            x0 = x0.clamp(-1, 1)
        x = bar**0.5 * x0 + (1 - bar) ** 0.5 * eps
    return x


def dpm_solver(c, model, x, steps):
    """DPMSolverMultistepScheduler: dpmsolver++, order 2, midpoint, of first order at the start and at the end."""
    bars = alphas_cumprod(c)
    visited = timesteps(c, steps)
    ends = [bars[t] for t in visited] + [1.0]
    before = None
    for i, t in enumerate(visited):
        x0, _ = split(c, bars[t], x, model(x, torch.full((len(x),), int(t))))
        alpha_s, sigma_s = ends[i] ** 0.5, (1 - ends[i]) ** 0.5
        alpha_t, sigma_t = ends[i + 1] ** 0.5, (1 - ends[i + 1]) ** 0.5
        data = x0
        half = lambda bar: 0.5 * math.log(bar / (1 - bar))  # noqa: E731
        if before is not None and i < steps - 1:
            r = (half(ends[i]) - half(ends[i - 1])) / (half(ends[i + 1]) - half(ends[i]))
            data = x0 + (x0 - before) / (2 * r)
        x = sigma_t / sigma_s * x + (alpha_t - sigma_t * alpha_s / sigma_s) * data
        before = x0
    return x


def euler(c, model, noise, steps):
    """EulerDiscreteScheduler: dx / dsigma = (x - x0) / sigma of x = z / alpha, sigma being sigma / alpha here."""
    bars, visited = alphas_cumprod(c), timesteps(c, steps)
    sigmas = [math.sqrt((1 - bars[t]) / bars[t]) for t in visited] + [0.0]
    x = noise * (math.sqrt(sigmas[0] ** 2 + 1) if c["timestep_spacing"] == "leading" else sigmas[0])
    for i, t in enumerate(visited):
        output = model(x / math.sqrt(sigmas[i] ** 2 + 1), torch.full((len(x),), int(t)))
        if c["prediction_type"] == "epsilon":
            x0 = x - sigmas[i] * output
        else:
            x0 = x / (sigmas[i] ** 2 + 1) - output * sigmas[i] / math.sqrt(sigmas[i] ** 2 + 1)
        x = x + (x - x0) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
    return x


def flow_sigmas(c, steps):
    """FlowMatchEulerDiscreteScheduler.set_timesteps: from 1 to the first timestep's sigma, itself shifted, all shifted again."""
    count, shift = c["num_train_timesteps"], c["shift"]
    shifted = lambda u: shift * u / (1 + (shift - 1) * u)  # noqa: E731
    sigmas = shifted(np.linspace(1, shifted(1 / count), steps))
    if c.get("shift_terminal"):
        rest = 1 - sigmas
        sigmas = 1 - rest / (rest[-1] / (1 - c["shift_terminal"]))
    return np.append(sigmas, 0.0)


def flow_match(c, model, x, steps):
    """Its step: x + (sigma_next - sigma) v, and v of a network that sees sigma times the timesteps."""
    sigmas = flow_sigmas(c, steps)
    for now, following in zip(sigmas[:-1], sigmas[1:]):
        seen = torch.full((len(x),), now * c["num_train_timesteps"], dtype=torch.float64)
        x = x + (following - now) * model(x, seen)
    return x
