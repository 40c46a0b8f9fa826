"""What the report must not be used for, and what its model does not know."""

from __future__ import annotations

import math

import polars as pl

from core.importance import text
from core.pipeline.report import html
from core.pipeline.report.sections import Facts
from core.runs import Run


def limits(facts: Facts) -> str:
    """Say what the report must not be used for."""
    lines = [
        *model_limits(facts.run, known_users(facts.segments)),
        "Drivers that go together, such as the number and the value of purchases, share their effects. Which of them "
        "matters cannot be known from the log alone.",
        "What was bought is part of the value itself, so its effect does not show how to raise the value.",
        "The results hold for the period and the shop of the log. Other seasons and assortments may differ.",
    ]
    return html.section("What are the limits?", html.bullets(lines))


def known_users(segments: pl.DataFrame) -> float | None:
    """Return the share of the explained sessions whose user has another session; None if users are unknown."""
    known = segments.filter(segment="Returning users")
    return None if known.is_empty() else float(known.item(0, "share"))


def model_limits(run: Run, known_user: float | None) -> list[str]:
    """Return sentences on what the model of a run does not know; see `core.importance.text.unknowns`."""
    scores = run.manifest.scores
    skill = scores.explained_share
    return text.unknowns(skill, known_user, math.sqrt(scores.cv_mse))
