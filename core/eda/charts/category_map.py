"""The categories as a tree map: the area is the number of events, the colour the share of purchases."""

from __future__ import annotations

import altair as alt
import polars as pl
import squarify

from core.base.text import percent, whole
from core.eda.charts.categories import category_tooltip, rank_categories
from core.eda.parts.labels import shown_column
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.theme import EVENT_COLOURS, TEXT_ON_MARKS, Figure, finished
from core.schema import BUY

FEWEST_BUYS = "#D6EFE7"
"""Colour of a category without purchases."""
TITLE = "How is interest spread over the categories?"
_MAX_AREAS = 60
"""Smaller areas have no room for a label."""
_WIDTH, _HEIGHT = 100.0, 44.0
_OTHERS = "all others"
_LABEL_HEIGHT = 3.0
"""Height of a label, in units of the map. Only the browser knows whether an area is wide enough."""
_LETTER_WIDTH = 6.4
"""Width of the widest letter, in pixels."""
_POSITION = dict.fromkeys(("left", "right", "top", "bottom"), pl.Float64)


def frame(categories: pl.DataFrame) -> pl.DataFrame:
    """Lay out the categories as a squarified tree map (Bruls, Huizing and van Wijk 2000); one row per area.

    Returns:
        category_id: id of the category; categories after the 60th are summed up as "all others".
        label: its name, with the id if several have it; only if the log has names.
        events, share: number of events, and share of all events.
        buys, buy_rate: number of purchases, and share of the category's events.
        left, right, top, bottom: edges of the area, 0 to 100 across and 0 to 44 down.
    """
    areas = _sum_up_others(rank_categories(categories).drop("products"))
    if areas.is_empty():
        return areas.with_columns(pl.lit(None, kind).alias(name) for name, kind in _POSITION.items())
    # the algorithm needs the areas from the largest to the smallest
    areas = areas.sort("events", "category_id", descending=[True, False])
    sizes = squarify.normalize_sizes(areas.get_column("events").to_list(), _WIDTH, _HEIGHT)
    rectangles = pl.DataFrame(squarify.squarify(sizes, 0.0, 0.0, _WIDTH, _HEIGHT)).select(
        left=pl.col("x"), right=pl.col("x") + pl.col("dx"), top=pl.col("y"), bottom=pl.col("y") + pl.col("dy")
    )
    return pl.concat([areas, rectangles.cast(pl.Float64)], how="horizontal")


def _sum_up_others(ranked: pl.DataFrame) -> pl.DataFrame:
    ids = list(dict.fromkeys(("category_id", shown_column(ranked, "category_id"))))
    ranked = ranked.with_columns(pl.col(ids).fill_null("without category"))
    others = ranked.slice(_MAX_AREAS)
    if others.is_empty():
        return ranked
    total = others.select(
        *(pl.lit(_OTHERS).alias(name) for name in ids),
        pl.col("events", "share", "buys").sum(),
    )
    rate = (pl.col("buys") / pl.col("events")).alias("buy_rate")
    return pl.concat([ranked.head(_MAX_AREAS), total.with_columns(rate)])


def finding(data: pl.DataFrame) -> str:
    """State how many categories hold half of the events."""
    if data.is_empty():
        return NO_EVENTS
    single = data.filter(pl.col("category_id") != _OTHERS).sort("events", descending=True)
    cumulative = single.get_column("share").cum_sum()
    half = int((cumulative < 0.5).sum()) + 1
    if half > single.height:
        share = percent(float(cumulative[-1]))
        if single.height == 1:
            return f"The top category holds {share} of the events."
        return f"The top {whole(single.height)} categories hold {share} of the events."
    if half == 1:
        name = single.item(0, shown_column(single, "category_id"))
        return f"{name} alone holds {percent(float(cumulative[0]))} of the events."
    return f"The top {whole(half)} categories hold half of the events."


def figure(data: pl.DataFrame) -> Figure:
    """Draw the areas, darker where a larger share of the events are purchases."""
    is_high_enough = pl.col("bottom") - pl.col("top") >= _LABEL_HEIGHT
    top_rate = max(float(data.get_column("buy_rate").to_numpy().max(initial=0.0)), 0.01) if data.height else 1.0
    placed = data.with_columns(
        label=pl.when(is_high_enough).then(shown_column(data, "category_id")).otherwise(pl.lit("")),
        x=(pl.col("left") + pl.col("right")) / 2,
        y=(pl.col("top") + pl.col("bottom")) / 2,
    )
    base = alt.Chart(placed).encode(tooltip=category_tooltip(data))
    areas = base.mark_rect(stroke="white", strokeWidth=1.5).encode(
        x=alt.X("left:Q", scale=alt.Scale(domain=[0, _WIDTH], nice=False), axis=None),
        x2="right:Q",
        y=alt.Y("top:Q", scale=alt.Scale(domain=[_HEIGHT, 0], nice=False), axis=None),
        y2="bottom:Q",
        color=alt.Color(
            "buy_rate:Q",
            title="purchases per event",
            scale=alt.Scale(domain=[0, top_rate], range=[FEWEST_BUYS, EVENT_COLOURS[BUY]]),
            legend=alt.Legend(format=".0%", orient="bottom", title="purchases per event", gradientLength=180),
        ),
    )
    fits = f"width * (datum.right - datum.left) / {_WIDTH} > {_LETTER_WIDTH} * (length(datum.label) + 1) ? 1 : 0"
    labels = base.mark_text(fontSize=11, opacity=alt.expr(fits)).encode(
        x="x:Q", y="y:Q", text="label:N", color=alt.value(TEXT_ON_MARKS)
    )
    return finished(areas + labels, f"Categories as areas by number of events. {finding(data)}", height=340)
