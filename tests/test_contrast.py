"""Contrast of texts and marks with what is behind them, by the formula of WCAG 2.1, in both themes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from core.eda.charts import category_map, paths
from core.eda.parts import theme
from core.eda.parts.theme import Theme
from core.schema import BUY

TEXT, MARK = 4.5, 3.0
"""Lowest contrast of text, and of marks and large text."""
CONFIG = tomllib.loads((Path(__file__).parent.parent / ".streamlit" / "config.toml").read_text())["theme"]
THEMES: tuple[Theme, ...] = get_args(Theme)
CAPTION_OPACITY = 0.6
"""Streamlit draws captions, and code in them, at this opacity."""
MARKS = {
    "accent": theme.ACCENT,
    "muted": theme.MUTED,
    "negative": theme.NEGATIVE,
    **theme.EVENT_COLOURS,
    **theme.LEARNER_COLOURS,
    **theme.FILE_COLOURS,
}


def channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def mixed(colour: str, other: str, share: float) -> str:
    """Return the colour at `share` of the way from the first to the second one."""
    pairs = zip(channels(colour), channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def luminance(colour: str) -> float:
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colour: str, other: str) -> float:
    low, high = sorted((luminance(colour), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_has_its_known_values() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("part", ["", "sidebar"])
def test_texts_of_the_pages_can_be_read(name: Theme, part: str) -> None:
    colours = CONFIG[name] | (CONFIG[name][part] if part else {})
    background = colours["backgroundColor"]
    caption = mixed(background, colours["textColor"], CAPTION_OPACITY)
    assert contrast(colours["textColor"], background) >= TEXT
    assert contrast(caption, background) >= TEXT
    assert contrast(colours["linkColor"], background) >= TEXT
    assert contrast(colours["primaryColor"], background) >= TEXT  # selected options are written in it


def test_code_in_captions_of_the_dark_theme_can_be_read() -> None:
    colours = CONFIG["dark"]
    code = mixed(colours["backgroundColor"], colours["codeTextColor"], CAPTION_OPACITY)
    assert contrast(code, colours["secondaryBackgroundColor"]) >= TEXT


def test_texts_of_primary_buttons_can_be_read() -> None:
    from pages._ui.page_style import DARK_BUTTON_HOVER, DARK_BUTTON_TEXT, style_sheet

    assert contrast("#FFFFFF", CONFIG["light"]["primaryColor"]) >= TEXT
    assert contrast(DARK_BUTTON_TEXT, CONFIG["dark"]["primaryColor"]) >= TEXT
    assert contrast(DARK_BUTTON_TEXT, DARK_BUTTON_HOVER) >= TEXT
    assert f"color: {DARK_BUTTON_TEXT}" in style_sheet("dark", "#000000")
    assert DARK_BUTTON_TEXT not in style_sheet("light", "#FFFFFF")


@pytest.mark.parametrize("name", THEMES)
def test_labels_next_to_marks_can_be_read(name: Theme) -> None:
    colour = theme.TEXT_COLOURS[name]
    assert contrast(colour, CONFIG[name]["backgroundColor"]) >= TEXT
    data = pl.DataFrame({"path": ["VIEW"], "mean": [5.0], "share": [1.0], "sessions": [3]})
    plain = paths.figure(data)
    config = theme.with_text_colour(plain, name).to_dict()["config"]
    assert config["text"]["color"] == colour
    assert {config[part][kind] for part in ("axis", "legend") for kind in ("labelColor", "titleColor")} == {colour}
    assert config["axis"]["labelFontSize"] == 12  # the other settings are kept
    assert "labelColor" not in plain.to_dict()["config"]["axis"]


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("mark", MARKS)
def test_marks_can_be_seen(mark: str, name: Theme) -> None:
    assert contrast(MARKS[mark], CONFIG[name]["backgroundColor"]) >= MARK


@pytest.mark.parametrize("place", [number / 100 for number in range(101)])
def test_labels_on_cells_of_a_heat_map_can_be_read(place: float) -> None:
    cell = mixed(theme.PALE, theme.ACCENT, place)
    text = "#FFFFFF" if place > theme.DARK_CELL else theme.TEXT_ON_MARKS
    assert contrast(text, cell) >= TEXT
    assert f"datum.share > {theme.DARK_CELL}" in str(theme.cell_text("datum.share"))


@pytest.mark.parametrize("colour", [*theme.FILE_COLOURS.values(), category_map.FEWEST_BUYS, theme.EVENT_COLOURS[BUY]])
def test_labels_on_bars_and_areas_can_be_read(colour: str) -> None:
    assert contrast(theme.TEXT_ON_MARKS, colour) >= TEXT
