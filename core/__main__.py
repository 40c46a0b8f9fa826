"""Entry point of `python -m core`."""

from __future__ import annotations

import sys

try:
    from core.cli import main
except KeyboardInterrupt:  # loading the libraries takes a second or two
    sys.stderr.write("Cancelled before the program started.\n")
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
