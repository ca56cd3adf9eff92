"""The method's formulas, written in PyTorch float64 from the papers, one function each.

[HS] Ho & Salimans et al. 2020, arXiv 2006.11239      [ND] Nichol & Dhariwal 2021, arXiv 2102.09672
[So] Song et al. 2021 (SDE), arXiv 2011.13456         [DD] Song et al. 2021 (DDIM), arXiv 2010.02502
[PD] Salimans & Ho 2022, arXiv 2202.00512             [CFD] Sun et al. 2022, arXiv 2211.12039
[Ja] Jabri et al. 2022, arXiv 2212.11972              [MS] Hang et al. 2023 (min-SNR), arXiv 2303.09556
[FD] Heusel et al. 2017, arXiv 1706.08500             [FM] Lipman et al. 2023, arXiv 2210.02747
[SD3] Esser et al. 2024, arXiv 2403.03206
A schedule is a function from float64 times in [0, 1] to alphaBar, or to alpha and sigma. Images are NCHW.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F


# ---- schedules ----

def cosine_betas(count, s=0.008, max_beta=0.999):
    """[ND] eq. 17: beta_i = 1 - f(i+1)/f(i), at most 0.999; `count` of them."""
    f = torch.cos((torch.arange(count + 1, dtype=torch.float64) / count + s) / (1 + s) * math.pi / 2) ** 2
    return torch.clamp(1 - f[1:] / f[:-1], max=max_beta)


def discrete_cosine(steps):
    """The authors' table: steps + 1 betas, hence steps + 1 entries; entry i belongs to time i / steps."""
    return table_schedule(torch.cumprod(1 - cosine_betas(steps + 1), dim=0))


def table_schedule(alpha_bars):
    """Between entries the angle atan2(sigma, alpha) is linear in time."""
    alpha_bars = torch.as_tensor(alpha_bars, dtype=torch.float64)
    angles = torch.atan2((1 - alpha_bars).sqrt(), alpha_bars.sqrt())
    last = len(alpha_bars) - 1

    def alpha_bar(t):
        t = torch.as_tensor(t, dtype=torch.float64)
        low = torch.clamp((t * last).floor().long(), max=last - 1)
        share = t * last - low
        between = torch.cos(angles[low] * (1 - share) + angles[low + 1] * share) ** 2
        nearest = (t * last).round().long()
        return torch.where((t * last - nearest).abs() < 1e-9, alpha_bars[nearest], between)

    return alpha_bar


def clipped(alpha_bar):
    """logSNR kept within [-20, 20] ([PD], appendix: log-SNR clipping)."""
    return torch.sigmoid(torch.clamp(torch.logit(alpha_bar), -20, 20))


def cosine(t):
    """[PD] section 2: alpha_t = cos(pi t / 2)."""
    return clipped(torch.cos(torch.as_tensor(t, dtype=torch.float64) * math.pi / 2) ** 2)


def linear(t, beta_min=0.1, beta_max=20.0):
    """[So] eq. 33 (VP SDE): log alpha = -t^2 (betaMax - betaMin) / 4 - t betaMin / 2."""
    t = torch.as_tensor(t, dtype=torch.float64)
    return clipped(torch.exp(2 * (-0.25 * t**2 * (beta_max - beta_min) - 0.5 * t * beta_min)))


def sigmoid(t, start=-3.0, end=3.0, tau=1.0):
    """[Ja]: a stretch of the logistic function, moved to run from 1 to 0."""
    t = torch.as_tensor(t, dtype=torch.float64)
    at = lambda u: torch.sigmoid(torch.as_tensor(u / tau, dtype=torch.float64))
    return clipped((at(end) - at(t * (end - start) + start)) / (at(end) - at(start)))


def flow(shift=1.0):
    """[FM] section 4.1, the straight path, at times shifted as in [SD3] section 5.3.2; gives alpha and sigma, not alphaBar."""

    def alpha_sigma(t):
        u = shift * t / (1 + (shift - 1) * t)
        return 1 - u, u

    return alpha_sigma


def log_snr(alpha_bar):
    return torch.log(alpha_bar) - torch.log1p(-alpha_bar)


def schedule_named(kind, time_scale):
    """The schedule of a checkpoint of ours, "cosine" or else the authors' table, in float32: rounded after the roots, as
    1 - alpha_bar would lose what little noise is left at time 0."""
    alpha_bar = cosine if kind == "cosine" else discrete_cosine(time_scale)

    def alpha_sigma(t):
        bar = alpha_bar(t)
        return bar.sqrt().float(), (1 - bar).sqrt().float()

    return alpha_sigma


def coefficients(schedule, times):
    """alpha and sigma, each [B, 1, 1, 1]."""
    given = schedule(times)
    if isinstance(given, tuple):
        return tuple(c[:, None, None, None] for c in given)
    bar = given[:, None, None, None]
    return bar.sqrt(), (1 - bar).sqrt()


def variance(schedule, times):
    """alpha^2 + sigma^2: 1, unless the schedule is a flow."""
    alpha, sigma = coefficients(schedule, times)
    return alpha**2 + sigma**2 if isinstance(schedule(times), tuple) else torch.ones_like(alpha)


def add_noise(schedule, x0, eps, times):
    """[HS] eq. 4."""
    alpha, sigma = coefficients(schedule, times)
    return alpha * x0 + sigma * eps


# ---- predictions: a model is (f(zt, times), "x0" | "eps" | "v" | "flow") ----

def predict(model, schedule, zt, times):
    """x0 and eps; [PD] section 4 and appendix D: v = alpha eps - sigma x0; [FM]: flow = eps - x0. Two equations, with zt's own."""
    network, kind = model
    alpha, sigma = coefficients(schedule, times)
    out = network(zt, times)
    if kind == "x0":
        return out, (zt - alpha * out) / sigma
    if kind == "eps":
        return (zt - sigma * out) / alpha, out
    if kind == "flow":
        x0 = (zt - sigma * out) / (alpha + sigma)
        return x0, out + x0
    determinant = variance(schedule, times)
    return (alpha * zt - sigma * out) / determinant, (sigma * zt + alpha * out) / determinant


def ddim_step(schedule, x0, eps, times):
    """[DD] eq. 12 with sigma_t = 0."""
    alpha, sigma = coefficients(schedule, times)
    return alpha * x0 + sigma * eps


def ddim(model, schedule, zt, times, clip):
    """Visits `times`; clip True: x0 clipped and eps from it, result clipped; "x0": x0 clipped, eps kept."""
    batch = len(zt)
    for now, following in zip(times[:-1], times[1:]):
        t, s = (torch.full((batch,), float(u), dtype=torch.float64) for u in (now, following))
        x0, eps = predict(model, schedule, zt, t)
        if clip:
            x0 = x0.clamp(-1, 1)
        if clip is True:
            alpha, sigma = coefficients(schedule, t)
            eps = (zt - alpha * x0) / sigma
        zt = ddim_step(schedule, x0, eps, s)
    return zt.clamp(-1, 1) if clip is True else zt


# ---- losses ----

@torch.no_grad()
def progressive_target(teacher, schedule, zt, times, student_steps):
    """[PD] algorithm 2: two DDIM steps of the teacher, and the x0 with which one step gets there."""
    half, whole = times - 0.5 / student_steps, times - 1.0 / student_steps
    half, whole = half.clamp(min=0), whole.clamp(min=0)  # rounding only
    z_half = ddim_step(schedule, *predict(teacher, schedule, zt, times), half)
    z_whole = ddim_step(schedule, *predict(teacher, schedule, z_half, half), whole)
    alpha_t, sigma_t = coefficients(schedule, times)
    alpha_s, sigma_s = coefficients(schedule, whole)
    ratio = sigma_s / sigma_t
    x0 = (z_whole - ratio * zt) / (alpha_s - ratio * alpha_t)
    return x0, (zt - alpha_t * x0) / sigma_t


def mean_squares(a, b):
    return ((a - b) ** 2).flatten(1).mean(dim=1)


def weighted(schedule, times, x0_pair, eps_pair, weighting):
    """The weighted error, mean over samples, in the space in which each weighting was defined."""
    x0_error, eps_error = mean_squares(*x0_pair), mean_squares(*eps_pair)
    alpha, sigma = coefficients(schedule, times)
    snr = (alpha**2 / sigma**2).flatten()
    if weighting == "x0":
        per_sample = x0_error
    elif weighting == "eps":
        per_sample = eps_error
    elif weighting == "truncatedSnr":  # [PD] eq. 9
        per_sample = torch.maximum(x0_error, eps_error)
    elif weighting == "snrPlusOne":  # [PD] eq. 10: the squared error of v, where variance is preserved
        v = [alpha * e - sigma * x for x, e in zip(x0_pair, eps_pair)]
        per_sample = mean_squares(*v) / variance(schedule, times).flatten()
    elif weighting == "flow":  # [FM] eq. 23: the squared error of the flow
        per_sample = mean_squares(*[e - x for x, e in zip(x0_pair, eps_pair)])
    else:  # ("minSnr", gamma), [MS]
        per_sample = torch.clamp(snr, max=weighting[1]) * x0_error
    return {"loss": per_sample.mean(), "x0Mse": x0_error.mean(), "epsMse": eps_error.mean()}


DEFAULT_WEIGHTING = {"x0": "truncatedSnr", "eps": "eps", "v": "snrPlusOne", "flow": "flow"}


def denoising_loss(model, schedule, x0, eps, times, weighting=None):
    zt = add_noise(schedule, x0, eps, times)
    x0_hat, eps_hat = predict(model, schedule, zt, times)
    weighting = DEFAULT_WEIGHTING[model[1]] if weighting is None else weighting
    return weighted(schedule, times, (x0_hat, x0), (eps_hat, eps), weighting)


def progressive_loss(student, teacher, schedule, x0, eps, times, student_steps, weighting="truncatedSnr"):
    zt = add_noise(schedule, x0, eps, times)
    target = progressive_target(teacher, schedule, zt, times, student_steps)
    got = predict(student, schedule, zt, times)
    return weighted(schedule, times, (got[0], target[0]), (got[1], target[1]), weighting)


def feature_loss(student, teacher, temperature):
    """[CFD] the classifier feature loss: KL(softmax(teacher / tau) || softmax(student)), mean over the batch."""
    log_p = F.log_softmax(teacher / temperature, dim=1)
    return (log_p.exp() * (log_p - F.log_softmax(student, dim=1))).sum(dim=1).mean()


def dataset_oriented_loss(logits, gamma):
    """[CFD] the dataset-oriented loss: mean entropy, and the negative entropy of the mean prediction."""
    log_p = F.log_softmax(logits, dim=1)
    entropy = -(log_p.exp() * log_p).sum(dim=1).mean()
    log_mean = torch.logsumexp(log_p, dim=0) - math.log(len(logits))
    diversity = (log_mean.exp() * log_mean).sum()
    return {"loss": gamma * entropy + (1 - gamma) * diversity, "entropy": entropy, "diversity": diversity}


def cfd_loss(student, teacher, classifier, schedule, x0, eps, times, student_steps, temperature, beta, gamma):
    """[CFD] the whole loss: feature + beta (gamma entropy + (1 - gamma) diversity)."""
    zt = add_noise(schedule, x0, eps, times)
    target, _ = progressive_target(teacher, schedule, zt, times, student_steps)
    with torch.no_grad():
        _, teacher_features = classifier(target)
    logits, features = classifier(predict(student, schedule, zt, times)[0])
    feature = feature_loss(features, teacher_features, temperature)
    data = dataset_oriented_loss(logits, gamma)
    loss = feature + beta * data["loss"]
    return {"loss": loss, "feature": feature, "entropy": data["entropy"], "diversity": data["diversity"]}


# ---- metrics ----

def frechet_distance(a, b):
    """[FD] eq. 6, in float64; covariances divide by n - 1."""
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T
    middle = np.linalg.eigvalsh(root @ cov_b @ root)
    trace_root = np.sqrt(np.maximum(middle, 0)).sum()
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * trace_root)
