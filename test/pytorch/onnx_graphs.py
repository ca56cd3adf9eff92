"""Checks and runs exported graphs natively: python onnx_graphs.py FOLDER NAME...

NAME.onnx is run on the tensors of given.safetensors that bear its inputs' names; NAME.safetensors gets its outputs.
"""

import pathlib
import sys

import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

folder = pathlib.Path(sys.argv[1])
given = load_file(folder / "given.safetensors")
for name in sys.argv[2:]:
    path = str(folder / f"{name}.onnx")
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {entry.name: given[entry.name] for entry in session.get_inputs()})
    save_file(dict(zip((entry.name for entry in session.get_outputs()), outputs)), folder / f"{name}.safetensors")
