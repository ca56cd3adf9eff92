"""The bench's networks in PyTorch: the reference for speed and memory.

Computes in as many threads as its argument says, reads requests from standard input and answers each with a line of JSON (see contender.ts):
{"make": workload}, {"step": name} -> {"ms": ...}, {"memory": true} -> {"rss": ..., "peak": ...}.
"""

import copy
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.GroupNorm(32, width)
        self.q, self.k, self.v, self.out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x):
        b, c, h, w = x.shape
        n = self.norm(x)
        q, k, v = (f(n).flatten(2) for f in (self.q, self.k, self.v))
        weights = torch.softmax(q.transpose(1, 2) @ k / math.sqrt(c), dim=-1)
        return x + self.out((v @ weights.transpose(1, 2)).view(b, c, h, w))


class Block(nn.Module):
    def __init__(self, inside, outside, embedding, attend):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(32, inside), nn.Conv2d(inside, outside, 3, padding=1)
        self.time = nn.Linear(embedding, outside)
        self.norm2, self.conv2 = nn.GroupNorm(32, outside), nn.Conv2d(outside, outside, 3, padding=1)
        self.shortcut = nn.Identity() if inside == outside else nn.Conv2d(inside, outside, 1)
        self.attention = Attention(outside) if attend else nn.Identity()

    def forward(self, x, t):
        h = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(t))[:, :, None, None]
        return self.attention(self.conv2(F.silu(self.norm2(h))) + self.shortcut(x))


class Unet(nn.Module):
    def __init__(self, channels, multipliers, attention, blocks, **_):
        super().__init__()
        wide = 4 * channels
        self.channels = channels
        self.time = nn.Sequential(nn.Linear(channels, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.down, self.up, skips, width = nn.ModuleList(), nn.ModuleList(), [channels], channels
        last = len(multipliers) - 1
        for level, multiplier in enumerate(multipliers):
            for _ in range(blocks):
                self.down.append(Block(width, channels * multiplier, wide, level in attention))
                width = channels * multiplier
                skips.append(width)
            if level != last:
                self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
        self.middle = nn.ModuleList([Block(width, width, wide, True), Block(width, width, wide, False)])
        for level in reversed(range(len(multipliers))):
            for _ in range(blocks + 1):
                self.up.append(Block(width + skips.pop(), channels * multipliers[level], wide, level in attention))
                width = channels * multipliers[level]
            if level != 0:
                self.up.append(nn.Conv2d(width, width, 3, padding=1))
        self.tail = nn.Sequential(nn.GroupNorm(32, width), nn.SiLU(), nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, x, t):
        frequencies = torch.exp(-math.log(10000) / self.channels * torch.arange(0, self.channels, 2))
        angles = (1024 * t)[:, None] * frequencies
        t = self.time(torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1))
        h = self.head(x)
        skips = [h]
        for layer in self.down:
            h = layer(h, t) if isinstance(layer, Block) else layer(h)
            skips.append(h)
        for layer in self.middle:
            h = layer(h, t)
        for layer in self.up:
            if isinstance(layer, Block):
                h = layer(torch.cat([h, skips.pop()], dim=1), t)
            else:
                h = layer(F.interpolate(h, scale_factor=2, mode="nearest"))
        return self.tail(h)


class Residual(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)
        self.shortcut = nn.Identity()
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        h = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(h + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        layers, inside = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
        for outside, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            layers += [Residual(inside, outside, stride), Residual(outside, outside, 1)]
            inside = outside
        self.layers, self.fc = nn.Sequential(*layers), nn.Linear(512, 10)

    def forward(self, x):
        features = self.layers(x).mean((2, 3))
        return self.fc(features), features


def coefficients(t):
    angle = t * math.pi / 2 * 0.99 + 0.005
    return angle.cos()[:, None, None, None], angle.sin()[:, None, None, None]


def base_loss(model, x0, eps, t):
    alpha, sigma = coefficients(t)
    zt = alpha * x0 + sigma * eps
    x = model(zt, t)
    return x_eps_loss(x, zt, x0, alpha, sigma)


def x_eps_loss(x, zt, x0, alpha, sigma):
    x_error = ((x - x0) ** 2).mean((1, 2, 3))
    eps_error = (((zt - alpha * x) / sigma - (zt - alpha * x0) / sigma) ** 2).mean((1, 2, 3))
    return torch.maximum(x_error, eps_error).mean()


@torch.no_grad()
def target(teacher, zt, t, steps):
    z, now = zt, t
    for _ in range(2):
        alpha, sigma = coefficients(now)
        x = teacher(z, now)
        eps = (z - alpha * x) / sigma
        now = now - 0.5 / steps
        alpha, sigma = coefficients(now)
        z = alpha * x + sigma * eps
    alpha_t, sigma_t = coefficients(t)
    ratio = sigma / sigma_t
    return (z - ratio * zt) / (alpha - ratio * alpha_t)


def progressive_loss(model, teacher, x0, eps, t):
    alpha, sigma = coefficients(t)
    zt = alpha * x0 + sigma * eps
    return x_eps_loss(model(zt, t), zt, target(teacher, zt, t, 4), alpha, sigma)


def cfd_loss(model, teacher, classifier, x0, eps, t):
    alpha, sigma = coefficients(t)
    zt = alpha * x0 + sigma * eps
    with torch.no_grad():
        _, wanted = classifier(target(teacher, zt, t, 4))
    _, features = classifier(model(zt, t))
    return F.kl_div(F.log_softmax(features, 1), F.softmax(wanted / 0.95, 1), reduction="batchmean")


class Work:
    """A workload's networks and batch, and its steps by name; what a step does not need is made when first needed."""

    def __init__(self, unet, batch, size):
        self.model = Unet(**unet)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        x0, self.eps = torch.randn(2, batch, 3, size, size).unbind()
        self.x0, self.t = x0.clamp(-1, 1), torch.arange(1, batch + 1) % 4 / 4 + 0.25
        self.made = {}

    def lazily(self, name, make):
        if name not in self.made:
            self.made[name] = make().eval().requires_grad_(False)
        return self.made[name]

    def teacher(self):
        return self.lazily("teacher", lambda: copy.deepcopy(self.model))

    def train(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def forward(self):
        with torch.no_grad():
            self.model(self.x0, self.t)

    def sample(self, steps):
        """What a sampler costs: its own arithmetic is nothing beside the network's."""
        for _ in range(steps):
            self.forward()

    def base(self):
        self.train(base_loss(self.model, self.x0, self.eps, self.t))

    def progressive(self):
        self.train(progressive_loss(self.model, self.teacher(), self.x0, self.eps, self.t))

    def cfd(self):
        classifier = self.lazily("classifier", ResNet18)
        self.train(cfd_loss(self.model, self.teacher(), classifier, self.x0, self.eps, self.t))


def memory():
    """Resident and highest resident bytes of this process, from Linux's /proc."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    kibibytes = {key: int(fields[key].split()[0]) for key in ("VmRSS", "VmHWM")}
    return {"rss": 1024 * kibibytes["VmRSS"], "peak": 1024 * kibibytes["VmHWM"]}


def main():
    torch.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"name": f"PyTorch {torch.__version__.split('+')[0]}"}), flush=True)
    work = None
    for line in sys.stdin:
        request = json.loads(line)
        if "make" in request:
            workload = request["make"]
            work = Work(workload["unet"], workload["batch"], workload["size"])
            answer = {"parameters": sum(p.numel() for p in work.model.parameters())}
        elif "step" in request:
            start = time.perf_counter()
            name, *arguments = request["step"].split()
            getattr(work, name)(*map(int, arguments))
            answer = {"ms": 1000 * (time.perf_counter() - start)}
        else:
            answer = memory()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
