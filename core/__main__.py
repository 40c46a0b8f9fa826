"""Runs the command line for `python -m core`."""

from __future__ import annotations

import sys

try:
    from core.cli import main
except KeyboardInterrupt:  # the libraries take a second or two to load
    sys.stderr.write("Cancelled before anything began.\n")
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
