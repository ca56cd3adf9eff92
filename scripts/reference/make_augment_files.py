"""Writes test/fixtures/augment/pillow.safetensors: python scripts/reference/make_augment_files.py (see README.md).

What Pillow itself makes of a few small images, for every operation that AutoAugment's CIFAR-10 policy knows, and for
the policy's 25 sub-policies. Names are IMAGE/OPERATION/AMOUNT; in IMAGE/policy/N both operations of sub-policy N were
applied, every amount with a plus.
"""

import json
import pathlib

import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageOps
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "augment"
OUT.mkdir(exist_ok=True)
GREY = (128, 128, 128)


def affine(image, matrix, filter):
    return image.transform(image.size, Image.Transform.AFFINE, matrix, filter, fillcolor=GREY)


NEAREST, BICUBIC = Image.Resampling.NEAREST, Image.Resampling.BICUBIC
OPERATIONS = {
    "shearX": lambda image, v: affine(image, (1, v, 0, 0, 1, 0), BICUBIC),
    "shearY": lambda image, v: affine(image, (1, 0, 0, v, 1, 0), BICUBIC),
    "translateX": lambda image, v: affine(image, (1, 0, v * image.width, 0, 1, 0), NEAREST),
    "translateY": lambda image, v: affine(image, (1, 0, 0, 0, 1, v * image.height), NEAREST),
    "rotate": lambda image, v: image.rotate(v, fillcolor=GREY),
    "autoContrast": lambda image, _: ImageOps.autocontrast(image),
    "equalize": lambda image, _: ImageOps.equalize(image),
    "invert": lambda image, _: ImageOps.invert(image),
    "solarize": lambda image, v: ImageOps.solarize(image, v),
    "posterize": lambda image, v: ImageOps.posterize(image, int(v)),
    "contrast": lambda image, v: ImageEnhance.Contrast(image).enhance(v),
    "color": lambda image, v: ImageEnhance.Color(image).enhance(v),
    "brightness": lambda image, v: ImageEnhance.Brightness(image).enhance(v),
    "sharpness": lambda image, v: ImageEnhance.Sharpness(image).enhance(v),
}
FACTORS = [0.1, 0.7, 1.4, 1.9]
AMOUNTS = {
    "shearX": [0.3, -0.1],
    "shearY": [0.8 / 3, -0.7 / 3],
    "translateX": [150 / 331, -0.4],
    "translateY": [-150 / 331, 0.15],
    "rotate": [20 / 3, -30, 12.5],
    "solarize": [256, 256 * 7 / 9, 256 / 9],
    "posterize": [8, 5, 4],
    **dict.fromkeys(["contrast", "color", "brightness", "sharpness"], FACTORS),
    **dict.fromkeys(["autoContrast", "equalize", "invert"], [0]),
}

# AutoAugment (arXiv 1805.09501), appendix, Table 7: operation, probability, magnitude in 0..9, twice a line.
POLICY = """
invert 0.1 7 contrast 0.2 6
rotate 0.7 2 translateX 0.3 9
sharpness 0.8 1 sharpness 0.9 3
shearY 0.5 8 translateY 0.7 9
autoContrast 0.5 8 equalize 0.9 2
shearY 0.2 7 posterize 0.3 7
color 0.4 3 brightness 0.6 7
sharpness 0.3 9 brightness 0.7 9
equalize 0.6 5 equalize 0.5 1
contrast 0.6 7 sharpness 0.6 5
color 0.7 7 translateX 0.5 8
equalize 0.3 7 autoContrast 0.4 8
translateY 0.4 3 sharpness 0.2 6
brightness 0.9 6 color 0.2 8
solarize 0.5 2 invert 0.0 3
equalize 0.2 0 autoContrast 0.6 0
equalize 0.2 8 equalize 0.6 4
color 0.9 9 equalize 0.6 6
autoContrast 0.8 4 solarize 0.2 8
brightness 0.1 3 color 0.7 0
solarize 0.4 5 autoContrast 0.9 3
translateY 0.9 9 translateY 0.7 9
autoContrast 0.9 2 solarize 0.8 3
equalize 0.8 8 invert 0.1 3
translateY 0.7 9 autoContrast 0.9 1
"""


def policy():
    words = [line.split() for line in POLICY.split("\n") if line]
    return [[[w[i], float(w[i + 1]), int(w[i + 2])] for i in (0, 3)] for w in words]


def amount_of(operation, magnitude):
    ends = {
        "shear": (0, 0.3), "trans": (0, 150 / 331), "rotat": (0, 30), "solar": (256, 0), "poste": (8, 4),
        "contr": (1, 1.9), "color": (1, 1.9), "brigh": (1, 1.9), "sharp": (1, 1.9),
    }  # fmt: skip
    amount = np.linspace(*ends.get(operation[:5], (0, 0)), 10)[magnitude]
    return float(np.round(amount)) if operation == "posterize" else float(amount)


def images():
    rng = np.random.default_rng(6)
    y, x = np.mgrid[0:32, 0:32]
    waves = [128 + 90 * np.sin(x / a + y / b) for a, b in [(5, 9), (-7, 4), (11, 6)]]
    disc = ((x - 12) ** 2 + (y - 18) ** 2 < 60)[..., None] * np.array([120, -60, 40])
    picture = np.stack(waves, -1) + disc + rng.normal(0, 12, (32, 32, 3))
    return {
        "picture": picture,
        "wide": rng.integers(0, 256, (9, 17, 3)),
        "dull": 90 + 40 * rng.random((20, 20, 3)) + np.array([20, 0, -30]),
        "few": rng.choice([0, 17, 255], (10, 10, 3)),
        "plain": np.full((6, 6, 3), [7, 128, 250]),
    }


def main():
    outputs = {}
    for name, values in images().items():
        pixels = np.clip(values, 0, 255).astype(np.uint8)
        image = Image.fromarray(pixels, "RGB")
        outputs[f"{name}/original/0"] = pixels
        for operation, amounts in AMOUNTS.items():
            for amount in amounts:
                outputs[f"{name}/{operation}/{amount}"] = np.asarray(OPERATIONS[operation](image, amount))
        if name != "dull":
            continue
        for number, steps in enumerate(policy()):
            changed = image
            for operation, _, magnitude in steps:
                changed = OPERATIONS[operation](changed, amount_of(operation, magnitude))
            outputs[f"{name}/policy/{number}"] = np.asarray(changed)
    versions = {"pillow": PIL.__version__, "numpy": np.__version__}
    path = OUT / "pillow.safetensors"
    save_file(outputs, path, {"versions": json.dumps(versions), "policy": json.dumps(policy())})
    print(f"{path.name}: {len(outputs)} images, {path.stat().st_size} bytes, {versions}")


if __name__ == "__main__":
    main()
