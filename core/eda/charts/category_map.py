"""The categories as areas: how much of what happens is in which, and where people buy."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl
import squarify

from core.base.text import percent
from core.eda.charts import categories
from core.eda.parts.theme import EVENT_COLOURS, finished
from core.schema import BUY

TITLE = "How is interest spread over the categories?"
_MOST = 60
"""Areas; smaller ones hold no word."""
_WIDE, _HIGH = 100.0, 44.0
_REST = "all others"
_LINE = 3.0
"""Of the map's height that a label needs; how wide it may be, the browser knows."""
_LETTER = 6.4
"""Pixels of a letter, at most."""
_PLACE = {"left": pl.Float64, "right": pl.Float64, "top": pl.Float64, "bottom": pl.Float64}


def frame(counted: pl.DataFrame) -> pl.DataFrame:
    """One area a category, the most frequent first, those after the 60th together: category_id, events, share (of all
    events), buys, buy_rate (purchases an event), and where it stands: left, right, top, bottom (0 to 100 across, 0 to
    44 down). Order and shape are those of a squarified tree map (Bruls, Huizing and van Wijk 2000). `counted` are the
    categories of core.eda.parts.product_counts.
    """
    every = categories.frame(counted, most=2**31 - 1).select("category_id", "events", "share", "buys", "buy_rate")
    every = every.with_columns(pl.col("category_id").fill_null("without category"))
    rest = every.tail(max(every.height - _MOST, 0))
    if rest.height:
        sums = rest.select(pl.lit(_REST).alias("category_id"), pl.col("events", "share", "buys").sum()).head(1)
        sums = sums.with_columns((pl.col("buys") / pl.col("events")).alias("buy_rate"))
        every = pl.concat([every.head(_MOST), sums])
    if every.is_empty():
        return every.with_columns(**{name: pl.lit(None, kind) for name, kind in _PLACE.items()})
    # the squares must come from the largest to the smallest
    ordered = every.sort("events", "category_id", descending=[True, False])
    sizes = squarify.normalize_sizes(ordered.get_column("events").to_list(), _WIDE, _HIGH)
    placed = squarify.squarify(sizes, 0.0, 0.0, _WIDE, _HIGH)
    return ordered.with_columns(
        pl.Series("left", [each["x"] for each in placed], dtype=pl.Float64),
        pl.Series("right", [each["x"] + each["dx"] for each in placed], dtype=pl.Float64),
        pl.Series("top", [each["y"] for each in placed], dtype=pl.Float64),
        pl.Series("bottom", [each["y"] + each["dy"] for each in placed], dtype=pl.Float64),
    )


def finding(data: pl.DataFrame) -> str:
    """How few categories hold half of the events, in a sentence."""
    if data.is_empty():
        return "There is no event."
    alone = data.filter(pl.col("category_id") != _REST).sort("events", descending=True)
    held = alone.get_column("share").cum_sum()
    half = int((held < 0.5).sum()) + 1
    if half > alone.height:
        return f"The {alone.height:,} most frequent categories hold {percent(float(held[-1]))} of the events."
    if half == 1:
        return f"{alone.item(0, 'category_id')} alone holds {percent(float(held[0]))} of the events."
    return f"The {half:,} most frequent categories hold half of the events."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the areas, darker where a larger share of the events are purchases."""
    label = pl.when(pl.col("bottom") - pl.col("top") >= _LINE).then(pl.col("category_id")).otherwise(pl.lit(""))
    most = max(float(data.get_column("buy_rate").max() or 0.0), 0.01) if data.height else 1.0  # type: ignore[arg-type]
    shown = data.with_columns(
        label.alias("label"),
        ((pl.col("left") + pl.col("right")) / 2).alias("x"),
        ((pl.col("top") + pl.col("bottom")) / 2).alias("y"),
        (pl.col("buy_rate") > most * 0.9).alias("dark"),
    )
    across = alt.Scale(domain=[0, _WIDE], nice=False)
    down = alt.Scale(domain=[_HIGH, 0], nice=False)
    base = alt.Chart(shown).encode(tooltip=categories.about_category())
    areas = base.mark_rect(stroke="white", strokeWidth=1.5).encode(
        x=alt.X("left:Q", scale=across, axis=None),
        x2="right:Q",
        y=alt.Y("top:Q", scale=down, axis=None),
        y2="bottom:Q",
        color=alt.Color(
            "buy_rate:Q",
            title="purchases an event",
            scale=alt.Scale(domain=[0, most], range=["#D6EFE7", EVENT_COLOURS[BUY]]),
            legend=alt.Legend(format=".0%", orient="bottom", title="purchases an event", gradientLength=180),
        ),
    )
    fits = f"width * (datum.right - datum.left) / {_WIDE} > {_LETTER} * (length(datum.label) + 1) ? 1 : 0"
    labels = base.mark_text(fontSize=11, opacity=alt.expr(fits)).encode(
        x="x:Q", y="y:Q", text="label:N", color=alt.condition("datum.dark", alt.value("white"), alt.value("#1F2937"))
    )
    return finished(areas + labels, f"Categories as areas by number of events. {finding(data)}", height=340)
