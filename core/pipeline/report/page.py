"""Puts the report of a run together."""

from __future__ import annotations

from core.base.number_format import using_format
from core.dataset import Dataset
from core.errors import RunError
from core.importance import drivers, segments
from core.pipeline.explain import stored_explanation, stored_methods
from core.pipeline.report import appendix, html, limits, sections
from core.runs import Run

TITLE = "What drives the value of a session?"
_SECTIONS = (
    sections.in_brief,
    sections.the_data,
    sections.accuracy,
    sections.the_drivers,
    sections.effects,
    sections.groups,
    sections.prices,
    appendix.certificate,
    limits.limits,
    appendix.model_card,
    appendix.for_experts,
)
"""The sections in the order of the page. To add one, add a function and a line here."""


def report_page(run: Run, dataset: Dataset) -> bytes:
    """Return the report of a run as an HTML file, in the number format of the dataset.

    Args:
        dataset: the dataset of the run.

    Raises:
        RunError: the run was not explained, or is damaged.
    """
    explanation = stored_explanation(run)
    if explanation is None:
        raise RunError.not_explained(run.manifest.run_id)
    facts = sections.Facts(
        run,
        dataset,
        dataset.card(),
        explanation,
        drivers(explanation),
        segments(explanation, dataset),
        stored_methods(run),
    )
    name = run.note.name or f"run {run.manifest.run_id}"
    origin = f"made by Session Value Studio from {name} of {run.manifest.created[:10]}"
    about = f"A report on {run.manifest.dataset_name}, {origin}."
    with using_format(dataset.note.number_format):
        return html.document(TITLE, about, [section(facts) for section in _SECTIONS])
