"""The verbs for open sessions: serve values them over HTTP, and rules backtests what labels them."""

from __future__ import annotations

import argparse
import os

import uvicorn

from core import runs as run_store
from core.base.workspace import Workspace
from core.cli.output import Outcome, show, writing_to
from core.errors import SettingError
from core.live.rule_backtest import backtest_rules, outcome_text
from core.live.rules import read_rules
from core.live.service import EventStore, SessionService, application
from core.live.service.application import LOCAL_HOSTS
from core.pipeline.served import load_served, prefixes_of

_TOKEN = "SVS_TOKEN"  # noqa: S105 (the name of a variable)


def serve(options: argparse.Namespace) -> Outcome:
    """Serve the model of a run until it is interrupted."""
    token = os.environ.get(_TOKEN, "").strip()
    host = options.host.strip("[]")
    if host not in LOCAL_HOSTS and not token:
        raise SettingError.no_token(options.host, _TOKEN)
    given_rules = None if options.rules is None else read_rules(options.rules)
    workspace = Workspace.from_environment()
    served = load_served(workspace, options.run)
    state = options.state or workspace.root / "live" / f"{served.identity}.sqlite"
    with writing_to(state):
        state.parent.mkdir(parents=True, exist_ok=True)
    store = EventStore(state, served.identity)
    service = SessionService(served.scorer, store, rules=given_rules)
    show(f"Serving {served.name} at http://{options.host}:{options.port} with {service.n_open:,} open sessions")
    app = application(service, token, served.spread)
    config = uvicorn.Config(app, host=host, port=options.port, log_level="warning", access_log=False)
    uvicorn.Server(config).run()
    store.close()
    return Outcome({"run": served.name, "state": str(state)}, "The service has ended.")


def rules(options: argparse.Namespace) -> Outcome:
    """Backtest rules on the training sessions of a run."""
    given_rules = read_rules(options.rules)
    run = run_store.find_run(Workspace.from_environment(), options.run)
    outcomes = backtest_rules(given_rules, prefixes_of(run)).fill_nan(None).to_dicts()
    lines = [f"{outcome['label']}: {outcome_text(outcome)}" for outcome in outcomes]
    return Outcome(
        {"run": run.folder.name, "rules": outcomes}, "\n".join(lines) or f"{options.rules.name} has no rules."
    )
