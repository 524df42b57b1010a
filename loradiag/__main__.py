"""``python -m loradiag``."""

from loradiag.cli.main import main

main()
