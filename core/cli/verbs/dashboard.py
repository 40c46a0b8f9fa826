"""The verb ui, which serves the dashboard."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from core.base.workspace import Workspace
from core.cli.output import Outcome
from core.errors import SettingError

_APP = Path(__file__).resolve().parents[3] / "app.py"


def ui(options: argparse.Namespace) -> Outcome:
    """Serve the dashboard until it is interrupted, and return the exit code of its server."""
    if not _APP.is_file():
        raise SettingError.no_dashboard(_APP.parent)
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(_APP), "--server.port", str(options.port)],
        cwd=_APP.parent,  # the .streamlit/config.toml of this folder admits connections from this machine only
        env=os.environ | {"SVS_HOME": str(Workspace.from_environment().root)},
    )
    previous = signal.signal(signal.SIGTERM, lambda signum, frame: server.terminate())
    try:
        while server.poll() is None:
            with suppress(KeyboardInterrupt):  # the server also gets the signal; wait until it has ended
                server.wait()
    finally:
        signal.signal(signal.SIGTERM, previous)
    code = server.returncode
    content = {"port": options.port, "exit_code": code}
    return Outcome(content, "The dashboard has ended.", code if code >= 0 else 128 - code)
