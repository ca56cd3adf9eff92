"""Prints what TensorBoard reads in the folders of a folder, as JSON: python tensorboard_events.py FOLDER"""

import base64
import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

read = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    events = EventAccumulator(str(folder)).Reload()
    tags = events.Tags()
    read[folder.name] = {
        "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
        "images": {
            tag: [[e.width, e.height, base64.b64encode(e.encoded_image_string).decode()] for e in events.Images(tag)]
            for tag in tags["images"]
        },
    }
print(json.dumps(read))
