"""``python -m tests.faults.mortal FOLDER POINT COMMAND…``: a command that is killed at its POINT-th touch of FOLDER.

Files opened, renamed, removed, made and written under another name count, as Python's audit events tell of them. With a POINT
that is not reached the command ends by itself, and the number of times is left in ``FOLDER.points``.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from pathlib import Path

EVENTS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.truncate"})


def main() -> None:
    """Watch over what is touched, and run the command."""
    folder, point = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    touched = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal touched
        if event in EVENTS and any(
            isinstance(part, str | os.PathLike) and os.fspath(part).startswith(folder) for part in arguments[:2]
        ):
            touched += 1
            if touched == point:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    atexit.register(lambda: Path(f"{folder}.points").write_text(str(touched)))
    sys.argv = ["loradiag", *sys.argv[3:]]
    from loradiag.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
