"""Writes test/fixtures/one-step.safetensors: python scripts/reference/make_one_step_files.py (see README.md).

[CM] Song et al. 2023, arXiv 2303.01469      [ICM] Song & Dhariwal 2023, arXiv 2310.14189
[DMD] Yin et al. 2024, arXiv 2311.18828      [SiD] Zhou et al. 2024, arXiv 2404.04057
"""

import sys

import torch

sys.dont_write_bytecode = True
import make_fixtures as make  # noqa: E402
import reference as ref  # noqa: E402

make.COMMAND = "python scripts/reference/make_one_step_files.py"
TABLE = ref.discrete_cosine(8)
SCHEDULES = {"table": TABLE, "cosine": ref.cosine}


# ---- consistency ----

def consistency_loss(student, average, teacher, schedule, x0, eps, times, earlier, huber=None, weights=None):
    """[CM] algorithms 2 and 3, [ICM] section 3.3: the pseudo-Huber distance. At time 0, f(z, 0) = z."""
    zt = ref.add_noise(schedule, x0, eps, times)
    with torch.no_grad():
        pair = (x0, eps) if teacher is None else ref.predict(teacher, schedule, zt, times)
        z = ref.ddim_step(schedule, *pair, earlier)
        target = torch.where(earlier[:, None, None, None] == 0, z, ref.predict(average, schedule, z, earlier)[0])
    m = ref.mean_squares(ref.predict(student, schedule, zt, times)[0], target)
    d = m if huber is None else torch.sqrt(m + huber**2) - huber
    w = torch.ones_like(d) if weights is None else torch.tensor(weights, dtype=torch.float64)
    return {"loss": (w * d).mean(), "x0Mse": m.mean()}


TIMES, EARLIER = [0.25, 0.5, 0.75, 1.0], [0.0, 0.375, 0.0, 0.9]
WEIGHTS = [0.5, 2.0, 1.0, 0.25]
SETTINGS = {"plain": {}, "huber": {"huber": 0.06}, "weighted": {"huber": 0.3, "weights": WEIGHTS}}


def consistency(arrays):
    for schedule_name, schedule in SCHEDULES.items():
        for kind, teacher_kind in make.MODELS:
            if schedule_name == "cosine" and "eps" in (kind, teacher_kind):
                continue  # at t = 1, where alphaBar is 2e-9, an eps prediction's x0 is float32 noise
            for setting, options in SETTINGS.items():
                for way in ("same", "average", "teacher"):
                    student = make.Pointwise("student")
                    average = make.Pointwise("average") if way == "average" else student
                    teacher = (make.Pointwise("teacher"), teacher_kind) if way == "teacher" else None
                    x0, eps, t = make.batch("consistency", TIMES)
                    terms = consistency_loss((student, kind), (average, kind), teacher, schedule, x0, eps, t,
                                             make.times_tensor(EARLIER), **options)
                    make.store(arrays, f"consistency.{schedule_name}.{kind}.{teacher_kind}.{setting}.{way}", terms, student)


# ---- score distillation ----

def score_distillation_loss(images, teacher, critic, schedule, eps, times, variant, alpha=1.0):
    zt = ref.add_noise(schedule, images, eps, times)
    real, fake = (ref.predict(model, schedule, zt, times)[0] for model in (teacher, critic))
    norm = (images - real).abs().mean(dim=(1, 2, 3), keepdim=True).detach()
    if variant == "vsd":  # [DMD] equations 7 and 8
        g = ((fake - real) / norm).detach()
        return ((images - (images - g).detach()) ** 2).mean() / 2
    # [SiD] section 4, the fused loss
    return ((real - fake) * ((real - images) - alpha * (real - fake)) / norm).mean()


def score_distillation(arrays):
    variants = {"vsd": ("vsd", 1.0), "sid": ("sid", 1.0), "sid.1.2": ("sid", 1.2), "sid.0": ("sid", 0.0)}
    for schedule_name, schedule in SCHEDULES.items():
        for teacher_kind, critic_kind in make.MODELS:
            if schedule_name == "cosine" and "eps" in (teacher_kind, critic_kind):
                continue
            for name, (variant, alpha) in variants.items():
                student = make.Pointwise("student")
                teacher, critic = (make.Pointwise(which).requires_grad_(False) for which in ("teacher", "critic"))
                zT, eps, t = make.batch("score", TIMES)
                images = ref.predict((student, "x0"), schedule, zT, torch.ones_like(t))[0]
                images.retain_grad()
                models = (teacher, teacher_kind), (critic, critic_kind)
                loss = score_distillation_loss(images, *models, schedule, eps, t, variant, alpha)
                key = f"{name}.{schedule_name}.{teacher_kind}.{critic_kind}"
                arrays[f"{key}.images"] = make.nhwc(torch.autograd.grad(loss, images, retain_graph=True)[0])
                make.store(arrays, key, {"loss": loss}, student)


if __name__ == "__main__":
    torch.set_num_threads(1)
    arrays = {}
    for part in (consistency, score_distillation):
        part(arrays)
    make.save("one-step", arrays, times=TIMES, earlier=EARLIER, weights=WEIGHTS)
