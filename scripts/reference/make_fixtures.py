"""Writes test/fixtures/*.safetensors: python scripts/reference/make_fixtures.py (see README.md).

Weights and inputs are functions of their names (values.py) and are not stored; only results are. Everything is computed
in float64 from float32 weights, so a difference that a test sees is the library's own rounding or its mistake.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import reference as ref  # noqa: E402
from networks import DenseNet, ResNet, UNet  # noqa: E402
from values import bits, fill, summary, tensor, uniform, weights_of  # noqa: E402

OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures"
COMMAND = "python scripts/reference/make_fixtures.py"
F32, F64 = np.float32, np.float64


def save(name, arrays, **metadata):
    def plain(value):
        return np.ascontiguousarray(value.detach().numpy() if isinstance(value, torch.Tensor) else value)

    arrays = {key: plain(value) for key, value in arrays.items()}
    settings = json.dumps({"command": COMMAND, **metadata})  # one key: safetensors writes several in no fixed order
    path = OUT / f"{name}.safetensors"
    save_file(arrays, path, metadata={"settings": settings})
    print(f"{path.name}: {len(arrays)} tensors, {path.stat().st_size} bytes")


def nhwc(x):
    return x.detach().permute(0, 2, 3, 1).contiguous().numpy().astype(F32)


def images(name, shape, scale=1.0):
    """Values laid out as the library has them, [B, H, W, C], returned as PyTorch wants them."""
    return tensor(name, shape, scale).permute(0, 3, 1, 2).contiguous()


def times_tensor(times):
    return torch.tensor(times, dtype=torch.float64)


def shapes_of(module):
    return {name: list(value.shape) for name, value in weights_of(module).items()}


def gradient_table(net, gradients):
    """[tensors, 34] in the order of the names; a missing gradient is zero."""
    return np.stack([summary(f"{net}/{name}", g) for name, g in sorted(gradients.items())]).astype(F32)


def gradients(scalar, module):
    named = {n: p for n, p in module.named_parameters() if p.requires_grad}
    values = torch.autograd.grad(scalar, list(named.values()), retain_graph=True, allow_unused=True)
    return {n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(named.items(), values)}


def weighted_sum(name, output):
    """A scalar that depends on every number of `output`, which is [B, C, H, W] or [B, K]."""
    if output.dim() == 4:
        return (output * images(name, [output.shape[i] for i in (0, 2, 3, 1)])).sum()
    return (output * tensor(name, output.shape)).sum()


# ---- 1. schedules ----

GRID = [i / 40 for i in range(41)]


def schedules():
    arrays = {}
    for steps in (8, 64, 1024):
        table = ref.discrete_cosine(steps)(times_tensor(range(steps + 1)) / steps)
        angles = (torch.arange(steps + 2, dtype=torch.float64) / (steps + 1) + 0.008) / 1.008 * np.pi / 2
        closed = torch.cos(angles[1:]) ** 2 / torch.cos(angles[0]) ** 2
        assert torch.allclose(table[:-1], closed[:-1], rtol=1e-12, atol=0)  # the product telescopes; the last is clamped
        arrays[f"discreteCosine.{steps}"] = table
        arrays[f"discreteCosine.{steps}.logSNR"] = ref.log_snr(table)
    arrays["discreteCosine.8.between"] = ref.discrete_cosine(8)(times_tensor(GRID))
    custom = [0.999, 0.7, 0.2, 0.01]
    arrays["table.between"] = ref.table_schedule(custom)(times_tensor(GRID))
    for name, schedule in {"cosine": ref.cosine, "linear": ref.linear, "sigmoid": ref.sigmoid}.items():
        arrays[name] = schedule(times_tensor(GRID))
        arrays[f"{name}.logSNR"] = ref.log_snr(arrays[name])
    save("schedules", arrays, grid=GRID, table=custom)


# ---- 2. U-Nets ----

UNETS = {
    "plain": dict(channels=32, multipliers=[2, 3], attention=[1], blocks=1, time_scale=64),
    "conditional": dict(channels=32, multipliers=[1, 2], attention=[0], blocks=2, time_scale=64, classes=10),
}


def make_unet(name):
    return fill(UNet(**UNETS[name]), f"unet.{name}")


def unets():
    positions, labels = [17.0, 40.25], [3, -1]
    arrays, shapes = {}, {}
    for name, config in UNETS.items():
        net = make_unet(name)
        x = images(f"unet.{name}/input", [2, 8, 8, 3], 1.5).requires_grad_()
        output = net(x, times_tensor(positions), torch.tensor(labels) if "classes" in config else None)
        scalar = weighted_sum(f"unet.{name}/cotangent", output)
        arrays[f"{name}.output"] = nhwc(output)
        arrays[f"{name}.inputGradient"] = nhwc(torch.autograd.grad(scalar, x, retain_graph=True)[0])
        arrays[f"{name}.gradients"] = gradient_table(f"unet.{name}", gradients(scalar, net))
        arrays[f"{name}.table"] = net.time_embedding.timembedding[0].weight.detach().numpy().astype(F32)
        shapes[name] = shapes_of(net)
        single = fill(UNet(**config), f"unet.{name}").float()
        got = single(x.detach().float(), times_tensor(positions), torch.tensor(labels)).detach()
        yardstick(f"U-Net {name} output", got, output)
    save("unets", arrays, shapes=shapes, positions=positions, labels=labels, configs=UNETS)


def yardstick(what, single, double):
    """How far PyTorch's own float32 is from float64, as a share of the largest value."""
    double = double.detach()
    print(f"  {what}: float32 PyTorch is {float((single.double() - double).abs().max() / double.abs().max()):.1e} off")


# ---- 3. classifiers ----

CLASSIFIERS = {
    "resnet18": lambda: ResNet([2, 2, 2, 2]),
    "resnet50": lambda: ResNet([3, 4, 6, 3], bottleneck=True),
    "densenet121": lambda: DenseNet([6, 12, 24, 16]),
    "resnet20": lambda: ResNet([3, 3, 3], width=16, option_a=True),
    "small": lambda: ResNet([1, 1, 1, 1], width=8),
    "smallDense": lambda: DenseNet([2, 1, 2, 1], growth=8),
}
MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]


def make_classifier(name):
    return fill(CLASSIFIERS[name](), f"classifier.{name}").eval()


def margin(net, x):
    """The smallest input of any ReLU, as a share of its layer's root mean square. At 0 the gradient jumps."""
    smallest, relu = [], torch.Tensor.relu

    def spy(value):
        smallest.append(float(value.abs().min() / value.square().mean().sqrt()))
        return relu(value)

    torch.Tensor.relu = spy
    try:
        with torch.no_grad():
            net(x)
    finally:
        torch.Tensor.relu = relu
    return min(smallest)


def farthest_from_kinks(net, names, shape):
    """Of some inputs, the one whose gradient float32 can tell: rounding must not switch a ReLU."""
    best = max(names, key=lambda name: margin(net, images(name, shape)))
    print(f"  {best}: no ReLU nearer to its kink than {margin(net, images(best, shape)):.1e}")
    return best


def normalised(x):
    mean, std = (times_tensor(v)[None, :, None, None] for v in (MEAN, STD))
    return ((x + 1) / 2 - mean) / std


def classifiers():
    arrays, shapes, inputs = {}, {}, {}
    for name in CLASSIFIERS:
        net = make_classifier(name)
        candidates = [f"classifier.{name}/input{i}" for i in range(40)]
        inputs[name] = farthest_from_kinks(net, candidates, [2, 16, 16, 3])
        x = images(inputs[name], [2, 16, 16, 3]).requires_grad_()
        logits, features = net(x)
        scalar = sum(weighted_sum(f"classifier.{name}/{k}", v) for k, v in (("logits", logits), ("features", features)))
        arrays[f"{name}.logits"] = logits.detach().numpy().astype(F32)
        arrays[f"{name}.features"] = features.detach().numpy().astype(F32)
        arrays[f"{name}.inputGradient"] = nhwc(torch.autograd.grad(scalar, x)[0])
        shapes[name] = shapes_of(net)
        yardstick(f"{name} logits", make_classifier(name).float()(x.detach().float())[0].detach(), logits)
    net = make_classifier("small")
    arrays["small.normalised.logits"] = net(normalised(images(inputs["small"], [2, 16, 16, 3])))[0].detach()
    for name in ("small", "smallDense"):
        net = make_classifier(name).train()
        logits, features = net(images(f"classifier.{name}/train", [4, 16, 16, 3]))
        scalar = weighted_sum(f"classifier.{name}/trainLogits", logits)
        key = f"classifier.{name}"
        arrays[f"{name}.train.logits"] = logits.detach().numpy().astype(F32)
        arrays[f"{name}.train.gradients"] = gradient_table(key, gradients(scalar, net))
        running = {k: v for k, v in weights_of(net).items() if "running" in k}
        arrays[f"{name}.train.running"] = gradient_table(key, running)
    save("classifiers", arrays, shapes=shapes, inputs=inputs, mean=MEAN, std=STD)


# ---- 4 to 6. the method, with small denoisers that are neither linear nor alike in their channels ----

class Pointwise(torch.nn.Module):
    """1.5 tanh(mix^T z + bias + t time), channel by channel."""

    def __init__(self, name):
        super().__init__()
        for part, shape in (("mix", [3, 3]), ("bias", [3]), ("time", [3])):
            setattr(self, part, torch.nn.Parameter(tensor(f"{name}/{part}", shape, 0.9)))

    def forward(self, z, times):
        mixed = torch.einsum("bkhw,kc->bchw", z, self.mix)
        return 1.5 * torch.tanh(mixed + self.bias[:, None, None] + times[:, None, None, None] * self.time[:, None, None])


KINDS = ["x0", "eps", "v"]


def batch(name, times, size=4):
    shape = [len(times), size, size, 3]
    return images(f"{name}/x0", shape), images(f"{name}/eps", shape, 1.7), times_tensor(times)


def flat_gradients(scalar, module):
    return torch.cat([g.reshape(-1) for g in torch.autograd.grad(scalar, [module.mix, module.bias, module.time])])


def store(arrays, key, terms, module):
    arrays[f"{key}.terms"] = torch.stack([v.detach() for v in terms.values()])
    arrays[f"{key}.gradients"] = flat_gradients(terms["loss"], module)


WEIGHTINGS = {"x0": "x0", "eps": "eps", "truncatedSnr": "truncatedSnr", "snrPlusOne": "snrPlusOne",
              "minSnr": ("minSnr", 5.0), "default": None}
TIMES = {4: [0.25, 0.5, 0.75, 1.0], 2: [0.5, 1.0, 0.5, 1.0], 1: [1.0, 1.0, 1.0, 1.0]}
MODELS = [(kind, kind) for kind in KINDS] + [("x0", "eps"), ("v", "x0")]  # student, teacher


def losses():
    arrays = {}
    table = ref.discrete_cosine(8)
    for kind in KINDS:
        for name, weighting in WEIGHTINGS.items():
            student = Pointwise("student")
            terms = ref.denoising_loss((student, kind), table, *batch("denoising", [1 / 8, 3 / 8, 5 / 8, 1.0]), weighting)
            store(arrays, f"denoising.{kind}.{name}", terms, student)
    for schedule_name, schedule in {"table": table, "cosine": ref.cosine}.items():
        for student_kind, teacher_kind in MODELS:
            for steps, times in TIMES.items():
                if schedule_name == "cosine" and "eps" in (student_kind, teacher_kind):
                    continue  # at t = 1, where alphaBar is 2e-9, an eps prediction's x0 is float32 noise
                student, teacher = Pointwise("student"), Pointwise("teacher")
                x0, eps, t = batch("progressive", times)
                key = f"progressive.{schedule_name}.{student_kind}.{teacher_kind}.{steps}"
                models = (student, student_kind), (teacher, teacher_kind)
                zt = ref.add_noise(schedule, x0, eps, t)
                target = ref.progressive_target(models[1], schedule, zt, t, steps)
                arrays[f"{key}.x0"], arrays[f"{key}.eps"] = (nhwc(v) for v in target)
                store(arrays, key, ref.progressive_loss(*models, schedule, x0, eps, t, steps), student)
    classifier = make_classifier("small")
    for student_kind, teacher_kind in MODELS:
        for temperature, beta, gamma in ((0.95, 0.003, 0.75), (0.5, 0.4, 0.25), (1.0, 0.0, 0.5)):
            student, teacher = Pointwise("student"), Pointwise("teacher")
            x0, eps, t = batch("cfd", TIMES[2], 8)
            terms = ref.cfd_loss((student, student_kind), (teacher, teacher_kind), classifier, table, x0, eps, t, 2,
                                 temperature, beta, gamma)
            store(arrays, f"cfd.{student_kind}.{teacher_kind}.{temperature}", terms, student)
    pieces(arrays)
    with_unet(arrays, classifier)
    save("losses", arrays)


def pieces(arrays):
    """The feature and dataset-oriented losses by themselves, mild and extreme."""
    for scale in (2.0, 400.0):
        student = tensor("features/student", [4, 16], scale).requires_grad_()
        teacher = tensor("features/teacher", [4, 16], scale)
        for temperature in (1.0, 0.95, 0.5):
            loss = ref.feature_loss(student, teacher, temperature)
            arrays[f"feature.{scale:.0f}.{temperature}"] = loss.reshape(1)
            arrays[f"feature.{scale:.0f}.{temperature}.gradient"] = torch.autograd.grad(loss, student)[0]
        logits = tensor("features/logits", [4, 10], scale).requires_grad_()
        terms = ref.dataset_oriented_loss(logits, 0.75)
        arrays[f"dataset.{scale:.0f}"] = torch.stack([v.detach() for v in terms.values()])
        for name, term in terms.items():
            arrays[f"dataset.{scale:.0f}.{name}"] = torch.autograd.grad(term, logits, retain_graph=True)[0]
    p = torch.softmax(tensor("features/logits", [4, 10], 400.0).float(), dim=1)
    assert torch.isnan((p * torch.log(p)).sum()), "the extreme case must break the naive form"


def with_unet(arrays, classifier):
    """Labelled U-Nets as student and teacher, two student steps on the table of 64."""
    student, teacher = make_unet("conditional"), fill(UNet(**UNETS["conditional"]), "unet.teacher")
    labels = torch.tensor([7, -1])

    def model(net):
        return (lambda z, t: net(z, t * 64, labels)), "x0"

    x0, eps, t = batch("unet", [0.5, 1.0], 8)
    table = ref.discrete_cosine(64)
    cases = {
        "progressive": ref.progressive_loss(model(student), model(teacher), table, x0, eps, t, 2),
        "cfd": ref.cfd_loss(model(student), model(teacher), classifier, table, x0, eps, t, 2, 0.95, 0.003, 0.75),
    }
    for name, terms in cases.items():
        arrays[f"unet.{name}.terms"] = torch.stack([v.detach() for v in terms.values()])
        arrays[f"unet.{name}.gradients"] = gradient_table("unet.conditional", gradients(terms["loss"], student))


CLIPS = {"true": True, "false": False, "x0": "x0"}


# ---- 6b. flow: a schedule that does not preserve variance, and a prediction ----

FLOWS = {"flow": ref.flow(), "shifted": ref.flow(3.0)}
FLOW_MODELS = [("flow", "flow"), ("x0", "flow"), ("flow", "v"), ("v", "x0")]  # student, teacher
FLOW_WEIGHTINGS = WEIGHTINGS | {"flow": "flow"}


def flow():
    arrays = {}
    inner = times_tensor(GRID[1:-1])
    for name, schedule in FLOWS.items():
        alpha, sigma = schedule(inner)
        arrays[f"{name}.alpha"], arrays[f"{name}.sigma"] = alpha, sigma
        arrays[f"{name}.logSNR"] = 2 * torch.log(alpha / sigma)
    for name, schedule in (FLOWS | {"table": ref.discrete_cosine(8)}).items():
        for kind in KINDS + ["flow"]:
            if name == "table" and kind != "flow":
                continue  # which losses() has
            last = 7 / 8 if kind == "eps" else 1.0  # there alpha is 0
            for weighting_name, weighting in FLOW_WEIGHTINGS.items():
                student = Pointwise("student")
                data = batch("denoising", [1 / 8, 3 / 8, 5 / 8, last])
                store(arrays, f"denoising.{name}.{kind}.{weighting_name}",
                      ref.denoising_loss((student, kind), schedule, *data, weighting), student)
        for student_kind, teacher_kind in FLOW_MODELS:
            for steps, times in TIMES.items():
                student, teacher = Pointwise("student"), Pointwise("teacher")
                models = (student, student_kind), (teacher, teacher_kind)
                x0, eps, t = batch("progressive", times)
                key = f"progressive.{name}.{student_kind}.{teacher_kind}.{steps}"
                target = ref.progressive_target(models[1], schedule, ref.add_noise(schedule, x0, eps, t), t, steps)
                arrays[f"{key}.x0"], arrays[f"{key}.eps"] = (nhwc(v) for v in target)
                store(arrays, key, ref.progressive_loss(*models, schedule, x0, eps, t, steps), student)
    student, teacher = Pointwise("student"), Pointwise("teacher")
    data = batch("cfd", TIMES[2], 8)
    models = (student, "flow"), (teacher, "flow"), make_classifier("small")
    store(arrays, "cfd", ref.cfd_loss(*models, FLOWS["shifted"], *data, 2, 0.95, 0.003, 0.75), student)
    zt = images("ddim/zT", [2, 4, 4, 3], 1.7)
    with torch.no_grad():
        for name, schedule in FLOWS.items():
            for kind in ("x0", "v", "flow"):
                for clip_name, clip in CLIPS.items():
                    times = [1.0, 0.75, 0.5, 0.25, 0.0]
                    arrays[f"ddim.{name}.{kind}.{clip_name}"] = nhwc(ref.ddim((Pointwise("teacher"), kind), schedule, zt, times, clip))
            u = [float(schedule(times_tensor([t]))[1]) for t in (1.0, 0.75, 0.5, 0.25, 0.0)]
            z, net = zt, Pointwise("teacher")
            for i, t in enumerate((1.0, 0.75, 0.5, 0.25)):  # [FM] by Euler's method
                z = z + (u[i + 1] - u[i]) * net(z, times_tensor([t, t]))
            assert np.abs(nhwc(z) - arrays[f"ddim.{name}.flow.false"]).max() < 1e-6
    save("flow", arrays)


def trajectories():
    arrays = {}
    zt = images("ddim/zT", [2, 4, 4, 3], 1.7)
    explicit = [1.0, 0.6, 0.25, 0.0]
    with torch.no_grad():
        for kind in KINDS:
            model = Pointwise("teacher"), kind
            for clip_name, clip in CLIPS.items():
                for steps in (8, 4, 2, 1):
                    times = [1 - i / steps for i in range(steps + 1)]
                    arrays[f"{kind}.{clip_name}.{steps}"] = nhwc(ref.ddim(model, ref.discrete_cosine(8), zt, times, clip))
                arrays[f"{kind}.{clip_name}.explicit"] = nhwc(ref.ddim(model, ref.linear, zt, explicit, clip))
        net = make_unet("plain")
        model = (lambda z, t: net(z, t * 64)), "x0"
        zt = images("ddim/unet", [2, 8, 8, 3], 1.7)
        for clip_name, clip in CLIPS.items():
            times = [1.0, 0.75, 0.5, 0.25, 0.0]
            arrays[f"unet.{clip_name}.4"] = nhwc(ref.ddim(model, ref.discrete_cosine(64), zt, times, clip))
    save("trajectories", arrays, explicit=explicit)


# ---- 7. training ----

TRAINED = dict(channels=32, multipliers=[2], attention=[], blocks=1, time_scale=64)
STEPS, RATE, WARMUP, DECAY, MAX_NORM, BATCH, SIZE = 10, 2e-4, 5, 0.9, 30.0, 4, 4


def train(dtype):
    net = fill(UNet(**TRAINED), "training").to(dtype)
    named = {n: p for n, p in net.named_parameters() if p.requires_grad}
    ema = {n: p.detach().clone() for n, p in named.items()}
    optimizer = torch.optim.Adam(named.values(), lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step, WARMUP) / WARMUP)
    model = (lambda z, t: net(z.to(dtype), t * 64).double()), "x0"
    history, norms, indices = [], [], []
    for step in range(STEPS):
        index = bits(f"training/times/{step}", BATCH) % np.uint32(65)
        indices.append(index.tolist())
        data = batch(f"training/{step}", (index / 64).tolist(), SIZE)
        optimizer.zero_grad()
        loss = ref.denoising_loss(model, ref.discrete_cosine(64), *data)["loss"]
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(named.values(), MAX_NORM).item())
        optimizer.step()
        rates.step()
        with torch.no_grad():
            for name, value in ema.items():
                value.mul_(DECAY).add_(named[name], alpha=1 - DECAY)
        history.append(loss.item())
    moved = {n: p.detach() for n, p in named.items()}
    return net, moved, ema, history, norms, indices


def training():
    net, moved, ema, history, norms, indices = train(torch.float64)
    assert min(norms) < MAX_NORM < max(norms), "some steps must be clipped, and some not"
    print("  gradient norms:", " ".join(f"{n:.1f}" for n in norms))
    single = train(torch.float32)
    fixed = {n for n in moved if n.endswith("proj_k.bias")}  # softmax forgets it: its gradient is rounding noise
    worst = {n: float((single[1][n].double() - moved[n]).abs().max()) for n in moved if n not in fixed}
    name = max(worst, key=worst.get)
    print(f"  ten steps: float32 PyTorch's weights are {worst[name]:.1e} off ({name}), "
          f"losses {max(abs(a - b) / b for a, b in zip(single[3], history)):.1e}; norms {min(norms):.2f} to {max(norms):.2f}")
    arrays = {
        "losses": np.array(history), "norms": np.array(norms), "times": np.array(indices, np.int32),
        "weights": gradient_table("training", moved), "ema": gradient_table("training", ema),
    }
    optimisers(arrays)
    save("training", arrays, shapes=shapes_of(net), config=TRAINED, invariant=sorted(fixed), maxNorm=MAX_NORM)


def optimisers(arrays):
    """Three steps on a vector, by torch.optim itself."""
    makers = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-8),
        "adamL2": lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-8, weight_decay=0.1),
        "adamW": lambda p: torch.optim.AdamW(p, lr=0.01, eps=1e-8, weight_decay=0.1),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
        "sgdMomentumL2": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=5e-4),
    }
    for name, make in makers.items():
        vector = torch.nn.Parameter(tensor("optimiser/start", [6]))
        optimizer, path = make([vector]), []
        for step in range(3):
            vector.grad = tensor(f"optimiser/gradient/{step}", [6])
            optimizer.step()
            path.append(vector.detach().clone())
        arrays[f"optimiser.{name}"] = torch.stack(path)


# ---- 8. Frechet distance ----

def features(name, rows, columns):
    return uniform(f"frechet/{name}", rows * columns).astype(F32).astype(F64).reshape(rows, columns)


def frechet():
    shift = np.array([0.5, -0.25, 0, 0.125, 1, 0])
    full = features("a", 40, 6), (features("b", 30, 6) * 2 + shift).astype(F32).astype(F64)
    deficient = features("c", 5, 8), features("d", 4, 8)
    arrays = {
        "full": np.array([ref.frechet_distance(*full)]), "deficient": np.array([ref.frechet_distance(*deficient)]),
        "full.mean": full[0].mean(axis=0), "full.covariance": np.cov(full[0], rowvar=False),
    }
    product = np.linalg.eigvals(np.cov(full[0], rowvar=False) @ np.cov(full[1], rowvar=False))
    again = ((full[0].mean(0) - full[1].mean(0)) ** 2).sum() + np.trace(np.cov(full[0], rowvar=False)) + np.trace(
        np.cov(full[1], rowvar=False)) - 2 * np.sqrt(product.real).sum()
    assert abs(again - arrays["full"][0]) < 1e-12
    save("frechet", arrays, shift=shift.tolist())


if __name__ == "__main__":
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    for part in (schedules, unets, classifiers, losses, trajectories, flow, training, frechet):
        part()
