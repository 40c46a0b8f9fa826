"""The verbs for open sessions: `serve` predicts them over HTTP, and `rules` backtests the rules that label them."""

from __future__ import annotations

import argparse
import gc
import os
import socket
from contextlib import closing
from functools import partial

import uvicorn

from core.base.workspace import Workspace
from core.cli.output import Outcome, show
from core.cli.output_files import writing_to
from core.cli.stored import run_named
from core.errors import SettingError
from core.live.rule_backtest import backtest_rules, outcome_text
from core.live.rules import read_rules
from core.live.service import EventStore, SessionService, application, find_state
from core.live.service.application import LOCAL_HOSTS
from core.pipeline.served import load_served, load_stored, prefixes_of

_GC_THRESHOLDS = (10_000, 10, 1_000_000)
"""Of the three generations; the oldest is practically never collected."""
_TOKEN = "SVS_TOKEN"  # noqa: S105 (the name of a variable)


def serve(options: argparse.Namespace) -> Outcome:
    """Serve the model of a run until it is interrupted."""
    token = os.environ.get(_TOKEN, "").strip()
    host = options.host.strip("[]")
    if host not in LOCAL_HOSTS and not token:
        raise SettingError.no_token(options.host, _TOKEN)
    _require_free_port(host, options.port)
    given_rules = None if options.rules is None else read_rules(options.rules)
    workspace = Workspace.from_environment()
    served = load_served(workspace, options.run)
    folder = workspace.root / "live" if options.state is None else options.state.parent
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
    state = options.state or find_state(folder, served.identity)
    with closing(EventStore(state, served.identity)) as store:
        service = SessionService(served, store, rules=given_rules)
        app = application(service, token=token, rate=options.rate, load=partial(load_stored, workspace))
        show(f"Serving {served.name} at http://{options.host}:{options.port} with {service.n_open:,} open sessions")
        config = uvicorn.Config(
            app, host=host, port=options.port, log_level="warning", access_log=False, http="httptools", loop="asyncio"
        )
        _collect_only_young_garbage()
        uvicorn.Server(config).run()
    return Outcome({"run": service.served.name, "state": str(state)}, "The service has ended.")


def _require_free_port(host: str, port: int) -> None:
    """Raise a `SettingError` if the service cannot listen there. Loading the model first would take seconds."""
    try:
        family, *_, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        with socket.create_server((str(address[0]), port), family=family):
            pass
    except OSError as error:
        raise SettingError.not_allowed("--port", port, f"a free port at {host} ({error.strerror})") from error


def _collect_only_young_garbage() -> None:
    """Exclude long-lived objects from garbage collection: the model and the states of open sessions.

    They have no reference cycles, and a collection of a hundred thousand sessions would stop all requests for a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def rules(options: argparse.Namespace) -> Outcome:
    """Backtest rules on the train sessions of a run."""
    given_rules = read_rules(options.rules)
    run = run_named(Workspace.from_environment(), options.run)
    outcomes = backtest_rules(given_rules, prefixes_of(run)).fill_nan(None).to_dicts()
    lines = [f"{outcome['label']}: {outcome_text(outcome)}" for outcome in outcomes]
    return Outcome(
        {"run": run.folder.name, "rules": outcomes}, "\n".join(lines) or f"{options.rules.name} has no rules."
    )
