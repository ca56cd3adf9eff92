"""The networks, in PyTorch, under the names that the authors' checkpoints use.

U-Net: Ho et al. 2020 (arXiv 2006.11239), appendix B, with the widths of Sun et al. 2022 (arXiv 2211.12039).
ResNet: He et al. 2015 (arXiv 1512.03385), section 4.2 for the CIFAR variant (option A), figure 5 for the blocks.
DenseNet-BC: Huang et al. 2016 (arXiv 1608.06993), section 3.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


def time_features(positions: torch.Tensor, width: int) -> torch.Tensor:
    """[B, width]: sin and cos interleaved, frequency of pair k is 10000^(-2k/width)."""
    k = torch.arange(width // 2, dtype=torch.float64)
    angles = positions.double()[:, None] * torch.exp(-2 * k / width * math.log(10000.0))[None, :]
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1)


class TableRows(nn.Module):
    """The fixed table, kept for its state-dict name; positions between rows are computed, not looked up."""

    def __init__(self, rows: int, width: int):
        super().__init__()
        self.width = width
        table = time_features(torch.arange(rows), width).float()
        self.weight = nn.Parameter(table, requires_grad=False)

    def forward(self, positions):
        return time_features(positions, self.width).to(self.weight.dtype)


class TimeEmbedding(nn.Module):
    def __init__(self, rows, width, out):
        super().__init__()
        self.timembedding = nn.Sequential(
            TableRows(rows, width), nn.Linear(width, out), nn.SiLU(), nn.Linear(out, out)
        )

    def forward(self, positions):
        return self.timembedding(positions)


class Attention(nn.Module):
    """One head over all pixels: softmax(q k^T / sqrt(C)) v, with a residual."""

    def __init__(self, width, groups):
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, width, eps=1e-5)
        for name in ("proj_q", "proj_k", "proj_v", "proj"):
            setattr(self, name, nn.Conv2d(width, width, 1))

    def forward(self, x):
        n = self.group_norm(x)
        q, k, v = (f(n).flatten(2) for f in (self.proj_q, self.proj_k, self.proj_v))  # [B, C, pixels]
        scores = torch.einsum("bcq,bck->bqk", q, k) / math.sqrt(x.shape[1])
        mixed = torch.einsum("bqk,bck->bcq", scores.softmax(dim=2), v)
        return x + self.proj(mixed.reshape(x.shape))


class Block(nn.Module):
    def __init__(self, width_in, width, width_time, attention, groups):
        super().__init__()
        self.block1 = nn.Sequential(
            nn.GroupNorm(groups, width_in, eps=1e-5), nn.SiLU(), nn.Conv2d(width_in, width, 3, padding=1)
        )
        self.temb_proj = nn.Sequential(nn.SiLU(), nn.Linear(width_time, width))
        self.block2 = nn.Sequential(
            nn.GroupNorm(groups, width, eps=1e-5), nn.SiLU(), nn.Dropout(0.0), nn.Conv2d(width, width, 3, padding=1)
        )
        self.shortcut = nn.Conv2d(width_in, width, 1) if width_in != width else nn.Identity()
        self.attn = Attention(width, groups) if attention else nn.Identity()

    def forward(self, x, temb):
        h = self.block1(x) + self.temb_proj(temb)[:, :, None, None]
        return self.attn(self.block2(h) + self.shortcut(x))


class Resample(nn.Module):
    """Half size (stride 2, one pixel of padding on every side) or double size (nearest, then convolution)."""

    def __init__(self, width, up):
        super().__init__()
        self.up = up
        self.main = nn.Conv2d(width, width, 3, stride=1 if up else 2, padding=1)

    def forward(self, x, temb):
        if self.up:
            x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        return self.main(x)


class UNet(nn.Module):
    def __init__(self, channels, multipliers, attention, blocks, time_scale, classes=0, groups=32):
        super().__init__()
        self.classes = classes
        width_time = 4 * channels
        self.time_embedding = TimeEmbedding(time_scale + 1, channels, width_time)
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        widths = [channels * m for m in multipliers]
        levels = range(len(widths))
        now, skips = channels, [channels]

        down = []
        for level in levels:
            for _ in range(blocks):
                down.append(Block(now, widths[level], width_time, level in attention, groups))
                now = widths[level]
                skips.append(now)
            if level < len(widths) - 1:
                down.append(Resample(now, up=False))
                skips.append(now)
        self.downblocks = nn.ModuleList(down)

        self.middleblocks = nn.ModuleList([Block(now, now, width_time, a, groups) for a in (True, False)])

        up = []
        for level in reversed(levels):
            for _ in range(blocks + 1):
                up.append(Block(now + skips.pop(), widths[level], width_time, level in attention, groups))
                now = widths[level]
            if level > 0:
                up.append(Resample(now, up=True))
        self.upblocks = nn.ModuleList(up)

        self.tail = nn.Sequential(nn.GroupNorm(groups, now, eps=1e-5), nn.SiLU(), nn.Conv2d(now, 3, 3, padding=1))
        if classes:
            self.y_embedding = nn.Linear(classes, width_time)

    def forward(self, x, positions, labels=None):
        """`positions` are times * time_scale; a label of -1 is a zero one-hot vector."""
        temb = self.time_embedding(positions)
        if self.classes:
            labels = torch.full((len(x),), -1) if labels is None else labels
            one_hot = (labels[:, None] == torch.arange(self.classes)[None, :]).to(x.dtype)
            temb = temb + self.y_embedding(one_hot)
        h = self.head(x)
        skips = [h]
        for layer in self.downblocks:
            h = layer(h, temb)
            skips.append(h)
        for layer in self.middleblocks:
            h = layer(h, temb)
        for layer in self.upblocks:
            h = layer(torch.cat((h, skips.pop()), dim=1) if isinstance(layer, Block) else h, temb)
        return self.tail(h)


def conv(width_in, width, size, stride=1):
    return nn.Conv2d(width_in, width, size, stride=stride, padding=size // 2, bias=False)


class PadShortcut(nn.Module):
    """Option A: every second pixel, new channels of zeros, half of them on each side."""

    def __init__(self, extra):
        super().__init__()
        self.before = extra // 2
        self.after = extra - extra // 2

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 with the stride in the middle; then add, then ReLU."""

    def __init__(self, width_in, width, stride, bottleneck, option_a):
        super().__init__()
        out = width * (4 if bottleneck else 1)
        shapes = [(width_in, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)] if bottleneck else [
            (width_in, width, 3, stride), (width, out, 3, 1)]
        self.count = len(shapes)
        for i, shape in enumerate(shapes, start=1):
            setattr(self, f"conv{i}", conv(*shape))
            setattr(self, f"bn{i}", nn.BatchNorm2d(shape[1]))
        changes = stride != 1 or width_in != out
        if changes and option_a:
            self.shortcut = PadShortcut(out - width_in)
        elif changes:
            self.downsample = nn.Sequential(conv(width_in, out, 1, stride), nn.BatchNorm2d(out))

    def forward(self, x):
        h = x
        for i in range(1, self.count + 1):
            h = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(h))
            if i < self.count:
                h = h.relu()
        for name in ("shortcut", "downsample"):
            if hasattr(self, name):
                x = getattr(self, name)(x)
        return (h + x).relu()


class ResNet(nn.Module):
    def __init__(self, blocks, width=64, bottleneck=False, option_a=False, classes=10):
        super().__init__()
        self.conv1 = conv(3, width, 3)
        self.bn1 = nn.BatchNorm2d(width)
        now, self.stages = width, len(blocks)
        for stage, count in enumerate(blocks):
            units = []
            for i in range(count):
                stride = 2 if i == 0 and stage > 0 else 1
                units.append(ResidualUnit(now, width << stage, stride, bottleneck, option_a))
                now = (width << stage) * (4 if bottleneck else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*units))
        self.last = "linear" if option_a else "fc"
        setattr(self, self.last, nn.Linear(now, classes))

    def forward(self, x):
        h = self.bn1(self.conv1(x)).relu()
        for stage in range(self.stages):
            h = getattr(self, f"layer{stage + 1}")(h)
        features = h.mean(dim=(2, 3))
        return getattr(self, self.last)(features), features


class DenseLayer(nn.Module):
    def __init__(self, width_in, growth):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(width_in), conv(width_in, 4 * growth, 1)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), conv(4 * growth, growth, 3)

    def forward(self, x):
        new = self.conv2(self.norm2(self.conv1(self.norm1(x).relu())).relu())
        return torch.cat((x, new), dim=1)


class Transition(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(width), conv(width, width // 2, 1)

    def forward(self, x):
        return F.avg_pool2d(self.conv(self.norm(x).relu()), 2)


class DenseNet(nn.Module):
    def __init__(self, blocks, growth=32, classes=10):
        super().__init__()
        width = 2 * growth
        self.features = nn.Sequential()
        self.features.add_module("conv0", conv(3, width, 3))
        self.features.add_module("norm0", nn.BatchNorm2d(width))
        self.features.add_module("relu0", nn.ReLU())
        self.order = []
        for b, count in enumerate(blocks, start=1):
            block = nn.Sequential()
            for i in range(1, count + 1):
                block.add_module(f"denselayer{i}", DenseLayer(width, growth))
                width += growth
            setattr(self, f"block{b}", block)
            self.order.append(f"block{b}")
            if b < len(blocks):
                setattr(self, f"trans{b}", Transition(width))
                self.order.append(f"trans{b}")
                width //= 2
        self.final_norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        h = self.features(x)
        for name in self.order:
            h = getattr(self, name)(h)
        features = self.final_norm(h).relu().mean(dim=(2, 3))
        return self.fc(features), features
