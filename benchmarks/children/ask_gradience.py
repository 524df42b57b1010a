"""Gradience's command line, in this process. ``ask_gradience.py DIR OUT``.

It is run as ``gradience audit --json --layers`` runs it; what it prints before the JSON is cut off. Its singular values
are those of B · A; the scale that it reports beside them is put in here.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from gradience.cli import main

VALUES = ("--top-singular-values", "16")
printed = io.StringIO()
with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
    sys.argv[1:], out = ["audit", "--peft-dir", sys.argv[1], "--json", "--layers", *VALUES], Path(sys.argv[2])
    main()
text = printed.getvalue()
rows = json.loads(text[text.index("{") :])["layer_data"]["layer_rows"]
found = {
    row["name"].removeprefix("base_model.model."): [
        row["adapter_scale"] * value for value in row["top_singular_values"]
    ]
    for row in rows
}
out.write_text(json.dumps(found))
