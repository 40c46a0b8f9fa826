"""The registry as a page for people: docs/features.md is made of it, and a test holds the two together."""

from __future__ import annotations

from itertools import groupby

from core.features.registry import feature_catalogue

_HEAD = """# Features

Made from the registry by `python -m core features --markdown`; do not edit by hand.

Every row of the feature table is a session (of one user). A feature looks at one of three things:

- **session**: the session's own events.
- **history**: what else happened. Under `--history as_of` (the default, and the only regime for sessions that are still
  open) that is what came strictly before the session's first event; under `all_rows` all rows of both files but the
  session's own. Counts are divided by the weeks that the history was watched.
- **values**: session values of train. What is recovered from them (prices, target statistics) is learned inside each
  fold of cross-validation: no session's own value and none of its fold reaches it. The values of a user's own earlier
  sessions, which are known when a session is to be told, are features as they are; no model is fitted on the user that
  it is asked about. These features have no column in the file that `features DATASET --out FILE` writes: they differ
  from fold to fold.
"""


def feature_page() -> str:
    """Every group with its features: name, unit and meaning."""
    parts = [_HEAD]
    for group, described in groupby(feature_catalogue(), key=lambda each: (each.group, each.looks_at)):
        rows = [f"| `{each.feature.name}` | {each.feature.unit} | {each.feature.meaning} |" for each in described]
        title = f"## {group[0].replace('_', ' ').capitalize()}\n\nLooks at: {group[1]}.\n"
        parts.append("\n".join([title, "| feature | unit | what it says |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)
