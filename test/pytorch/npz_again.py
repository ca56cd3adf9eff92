"""Loads a .npz file and saves it again: python npz_again.py FROM TO"""

import sys

import numpy as np

with np.load(sys.argv[1]) as arrays:
    np.savez(sys.argv[2], **arrays)
