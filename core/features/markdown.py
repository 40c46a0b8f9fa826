"""The feature catalogue as a Markdown page: the content of docs/features.md."""

from __future__ import annotations

from itertools import groupby

from core.features.registry import feature_catalogue

_HEAD = """# Features

Generated from the registry by `python -m core features --markdown`. Do not edit by hand.

Each row of the feature table is one session of one user. A feature is computed from one of three things:

- **session**: the session's own events.
- **history**: other events. With `--history as_of`, the default, these are the events strictly before the session's
  first event. This is the only setting that works for sessions that are still open. With `--history all_rows`, these
  are all rows of both files except the session's own. Counts are divided by the number of weeks observed.
- **values**: session values of train. Recovered prices and target statistics are learned inside each fold of the
  cross-validation, so no session's own value and no value of its fold reaches them. The values of a user's own earlier
  sessions are known by the time a session is predicted and are used directly. No model is fitted on a user it predicts.
  These features differ from fold to fold, so they are not in the file that `features DATASET --out FILE` writes.
"""


def feature_page() -> str:
    """Return a Markdown page that lists the unit and meaning of every feature, group by group."""
    sections = [_HEAD]
    for (group, looks_at), entries in groupby(feature_catalogue(), key=lambda entry: (entry.group, entry.looks_at)):
        features = (entry.feature for entry in entries)
        rows = [f"| `{feature.name}` | {feature.unit} | {feature.meaning} |" for feature in features]
        title = f"## {group.replace('_', ' ').capitalize()}\n\nComputed from: {looks_at}.\n"
        sections.append("\n".join([title, "| feature | unit | meaning |", "|---|---|---|", *rows, ""]))
    return "\n".join(sections)
