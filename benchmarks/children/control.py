"""The physical floor: import numpy and read a file once, 1 MiB at a time, into one buffer. ``control.py FILE``."""

import sys

import numpy as np

buffer = np.empty(1 << 20, dtype=np.uint8)
with open(sys.argv[1], "rb", buffering=0) as file:
    while file.readinto(buffer.data):
        pass
