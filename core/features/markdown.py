"""The feature catalogue as a Markdown page: the content of docs/features.md."""

from __future__ import annotations

from itertools import groupby

from core.features.registry import feature_catalogue

_HEAD = """# Features

Generated from the registry by `python -m core features --markdown`. Do not edit by hand.

Each row of the feature table is one session of one user. A feature is computed from one of three sources:

- **session**: the session's own events.
- **history**: other events. With `--history as_of`, the default, these are the events strictly before the session's
  first event. This is the only setting that works for sessions that are still open. With `--history all_rows`, these
  are all rows of both files except the session's own. Counts are divided by the number of weeks observed.
- **values**: session values of the train file. Estimated prices and target encodings are fitted inside each fold of the
  cross-validation. They never see the session's own value or the values that the fold validates. The values of a user's
  own earlier sessions are known by the time a session is predicted, so they are used directly. No model is fitted on
  sessions of the users that it predicts. These features differ from fold to fold, so they are not in the file that
  `features DATASET --out FILE` writes.

Extra columns of a log add features that follow from their level and kind
([decision 18](decisions/0018-own-columns.md)).
`features DATASET --out FILE` writes them, too.

Runs use the lean set of features. Groups that are not in it are used with `--features full`; the file has all groups.
"""


_COLUMNS = "| feature | name in code | unit | meaning |\n|---|---|---|---|"
_COLUMNS = "| feature | name in code | unit | meaning |\n|---|---|---|---|"
_ONLY_FULL = " Not in the lean set."


def feature_page() -> str:
    """Return a Markdown page that lists the unit and meaning of every feature by group."""
    sections = [_HEAD]
    lean = {entry.group for entry in feature_catalogue(features="lean")}
    for (group, looks_at), entries in groupby(feature_catalogue(), key=lambda entry: (entry.group, entry.looks_at)):
        features = [entry.feature for entry in entries]
        rows = [f"| {each.label} | `{each.name}` | {each.unit} | {each.meaning} |" for each in features]
        computed_from = f"Computed from: {looks_at}.{'' if group in lean else _ONLY_FULL}\n"
        title = f"## {group.replace('_', ' ').capitalize()}\n\n{computed_from}"
        sections.append("\n".join([title, _COLUMNS, *rows, ""]))
    return "\n".join(sections)
