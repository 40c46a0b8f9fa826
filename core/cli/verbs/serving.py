"""The verb serve, which values open sessions over HTTP."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from core import runs as run_store
from core.base.stored_files import hash_stored
from core.base.workspace import Workspace
from core.cli.output import Outcome, show, writing_to
from core.errors import SettingError
from core.live import LiveScorer
from core.live.service import EventStore, SessionService, application
from core.live.service.application import LOCAL_HOSTS
from core.model import MODEL_FILE

_TOKEN = "SVS_TOKEN"  # noqa: S105 (the name of a variable)


def serve(options: argparse.Namespace) -> Outcome:
    """Serve the model of a run until it is interrupted."""
    token = os.environ.get(_TOKEN, "").strip()
    host = options.host.strip("[]")
    if host not in LOCAL_HOSTS and not token:
        raise SettingError.no_token(options.host, _TOKEN)
    workspace, folder = Workspace.from_environment(), Path(options.run)
    is_model = (folder / MODEL_FILE).exists()
    folder = folder if is_model else run_store.find_run(workspace, options.run).folder
    # a model folder may be copied to any place, so that its name says little
    identity = f"model-{hash_stored(folder / MODEL_FILE)[:12]}" if is_model else folder.resolve().name
    state = options.state or workspace.root / "live" / f"{identity}.sqlite"
    with writing_to(state):
        state.parent.mkdir(parents=True, exist_ok=True)
    store = EventStore(state, identity)
    service = SessionService(LiveScorer.load(folder), store)
    show(f"Serving {folder.name} at http://{options.host}:{options.port} with {service.n_open:,} open sessions")
    config = uvicorn.Config(
        application(service, token), host=host, port=options.port, log_level="warning", access_log=False
    )
    uvicorn.Server(config).run()
    store.close()
    return Outcome({"run": folder.name, "state": str(state)}, "The service has ended.")
