"""The verb serve, which values open sessions over HTTP."""

from __future__ import annotations

import argparse
import os

import uvicorn

from core.base.workspace import Workspace
from core.cli.output import Outcome, show, writing_to
from core.errors import SettingError
from core.live.service import EventStore, SessionService, application
from core.live.service.application import LOCAL_HOSTS
from core.pipeline.served import load_served

_TOKEN = "SVS_TOKEN"  # noqa: S105 (the name of a variable)


def serve(options: argparse.Namespace) -> Outcome:
    """Serve the model of a run until it is interrupted."""
    token = os.environ.get(_TOKEN, "").strip()
    host = options.host.strip("[]")
    if host not in LOCAL_HOSTS and not token:
        raise SettingError.no_token(options.host, _TOKEN)
    workspace = Workspace.from_environment()
    served = load_served(workspace, options.run)
    state = options.state or workspace.root / "live" / f"{served.identity}.sqlite"
    with writing_to(state):
        state.parent.mkdir(parents=True, exist_ok=True)
    store = EventStore(state, served.identity)
    service = SessionService(served.scorer, store)
    show(f"Serving {served.name} at http://{options.host}:{options.port} with {service.n_open:,} open sessions")
    app = application(service, token, served.spread)
    config = uvicorn.Config(app, host=host, port=options.port, log_level="warning", access_log=False)
    uvicorn.Server(config).run()
    store.close()
    return Outcome({"run": served.name, "state": str(state)}, "The service has ended.")
