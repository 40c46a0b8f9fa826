"""Trials of a search as parallel coordinates that can be brushed, drawn with Plotly.

Optuna 5.0 draws its own as single lines that cannot be brushed (docs/decisions/0027).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from core.base.text import number
from core.eda.parts.plotly_theme import PlotlyFigure, best_first_scale
from core.eda.parts.theme import TEXT_COLOURS, Theme

_LOSS = "loss"
_MISSING = "not used"
"""Tick of trials that do not have a hyperparameter, which belongs to other targets."""
_MISSING_GAP = 0.12
"""Distance of that tick below the axis, as a share of its length."""
_TICKS = 5


@dataclass(frozen=True)
class Axis:
    """An axis: its name, the place of each trial on it, and its ticks.

    Places are values, their logarithms to base 10, or positions of choices. Trials without the hyperparameter lie below
    the lowest place.
    """

    name: str
    places: list[float]
    ticks: list[float]
    labels: list[str]


def axes_of(study: optuna.Study) -> list[Axis]:
    """Return one axis for the loss and one per hyperparameter, for the complete trials of a study, in their order."""
    trials = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    distributions = {name: each for trial in trials for name, each in trial.distributions.items()}
    losses = [float(trial.value) for trial in trials if trial.value is not None]
    axes = [_numeric(_LOSS, losses, log=False)]
    for name, distribution in distributions.items():
        values = [trial.params.get(name) for trial in trials]
        if isinstance(distribution, CategoricalDistribution):
            axes.append(_categorical(name, values))
        else:
            log = isinstance(distribution, (IntDistribution, FloatDistribution)) and distribution.log
            axes.append(_numeric(name, values, log=log))
    return axes


def _categorical(name: str, values: list[Any]) -> Axis:
    choices = sorted({value for value in values if value is not None}, key=str)
    position = {choice: float(place) for place, choice in enumerate(choices)}
    span = max(len(choices) - 1, 1)
    return _axis(
        name, [position.get(value) for value in values], dict(zip(position.values(), choices, strict=True)), span
    )


def _numeric(name: str, values: list[Any], *, log: bool) -> Axis:
    places = [None if value is None else math.log10(value) if log else float(value) for value in values]
    present = [place for place in places if place is not None]
    low, high = min(present), max(present)
    ticks = [low + (high - low) * at / (_TICKS - 1) for at in range(_TICKS)] if high > low else [low]
    labels = {tick: number(10**tick if log else tick) for tick in ticks}
    return _axis(name, places, labels, high - low)


def _axis(name: str, places: list[float | None], labels: dict[float, Any], span: float) -> Axis:
    ticks = {place: str(label) for place, label in labels.items()}
    if None in places:
        below = min(ticks) - _MISSING_GAP * (span or 1.0)
        ticks = {below: _MISSING, **ticks}
        places = [below if place is None else place for place in places]
    return Axis(name, [place for place in places if place is not None], list(ticks), list(ticks.values()))


def figure(study: optuna.Study, theme: Theme) -> PlotlyFigure:
    """Draw one line per trial, the lowest losses in the accent. Dragging along an axis keeps the trials there."""
    axes = axes_of(study)
    text = {"color": TEXT_COLOURS[theme], "size": 11}
    return go.Figure(
        go.Parcoords(
            line={
                "color": axes[0].places,
                "colorscale": best_first_scale(theme),
                "cmin": min(axes[0].places),
                "cmax": sorted(axes[0].places)[len(axes[0].places) * 9 // 10],  # a few high losses would hide the rest
            },
            dimensions=[
                {"label": axis.name, "values": axis.places, "tickvals": axis.ticks, "ticktext": axis.labels}
                for axis in axes
            ],
            labelangle=-15,
            labelfont=text,
            tickfont=text,
            rangefont={"color": "rgba(0,0,0,0)", "size": 1},  # the ticks say the same
            uirevision="kept",
        )
    )
