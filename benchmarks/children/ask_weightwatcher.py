"""WeightWatcher with its ``peft`` option. ``ask_weightwatcher.py DIR OUT``.

It takes the SVD of B · A without the scale, and reports the largest value; the scale is put in here.
"""

import json
import logging
import sys
from pathlib import Path

import weightwatcher

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
config = json.loads((folder / "adapter_config.json").read_text())
details = weightwatcher.WeightWatcher(log_level=logging.ERROR).analyze(model=str(folder), peft=True)
found = {}
for row in details.to_dict("records"):
    module = row["longname"].partition(".lora_")[0].removeprefix("base_model.model.")
    found[module] = [row["sv_max"] * config["lora_alpha"] / config["r"]]
out.write_text(json.dumps(found))
