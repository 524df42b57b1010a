"""loradiag without hashing, judging and writing: open an adapter and take its spectra. ``one_pass.py DIR``."""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.factors import measure_factors
from loradiag.analyzers.inspection import silent

measure_factors(open_adapter(sys.argv[1]), silent)
