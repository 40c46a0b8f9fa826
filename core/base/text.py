"""Numbers as people read them: three significant digits, thousands marks, no false precision."""

from __future__ import annotations

import math


def number(value: float | int | None) -> str:
    """Three significant digits; whole numbers keep all of theirs; a dash for what is not there.

    >>> number(1234.5), number(42.196), number(0.04567), number(30789), number(None), number(-3.14159)
    ('1,234', '42.2', '0.0457', '30,789', '–', '-3.14')
    """
    if value is None or math.isnan(value):
        return "–"
    rounded = abs(float(f"{value:.3g}"))  # 9.996 is 10.0: rounding can give a digit more before the point
    if isinstance(value, int) or rounded >= 1000 or value == 0:
        return f"{value:z,.0f}"
    decimals = max(0, 2 - math.floor(math.log10(rounded)))
    return f"{value:z,.{min(decimals, 10)}f}"


def estimate(value: float, error: float | None) -> str:
    """A number with its standard error, both to two digits of the error; without one, the number.

    >>> estimate(53.81, 4.76), estimate(0.969, 1.853), estimate(1234.5, 250.0), estimate(2.5, None), estimate(2.5, 0.0)
    ('53.8 ± 4.8', '1.0 ± 1.9', '1,234 ± 250', '2.50', '2.50')
    """
    if error is None or not error > 0:
        return number(value)
    decimals = min(max(0, 1 - math.floor(math.log10(float(f"{error:.2g}")))), 10)
    return f"{value:z,.{decimals}f} ± {error:,.{decimals}f}"


def typical_error(metric: str, score: float) -> str:
    """What a score says of a single session, for people who know no metric by name.

    >>> typical_error("mse", 100.0), typical_error("mae", 4.2), typical_error("rmsle", 0.7)
    ('10.0 value units (root mean square)', '4.20 value units (mean)', '0.700 on the log scale (root mean square)')
    """
    if metric == "mae":
        return f"{number(score)} value units (mean)"
    if metric == "rmsle":
        return f"{number(score)} on the log scale (root mean square)"
    return f"{number(math.sqrt(score) if metric == 'mse' else score)} value units (root mean square)"


def percent(share: float | None) -> str:
    """A share as a percentage.

    >>> percent(0.1236), percent(0.0), percent(None)
    ('12.4%', '0.0%', '–')
    """
    return "–" if share is None or math.isnan(share) else f"{share:z.1%}"  # z: no minus before 0.0%


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(8.4), duration(75), duration(3700)
    ('8 s', '1 min 15 s', '1 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(whole / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def short_duration(seconds: float) -> str:
    """The same to one unit, for what is only about so long.

    >>> short_duration(8.4), short_duration(75), short_duration(600), short_duration(3600)
    ('8 s', '1 min', '10 min', '1 h')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 3600 else f"{number(seconds / 3600).rstrip('0').rstrip('.')} h"


def count(amount: int, thing: str) -> str:
    """An amount with its thing, in the plural where it belongs.

    >>> count(1, "session"), count(1500, "session"), count(0, "session")
    ('1 session', '1,500 sessions', '0 sessions')
    """
    return f"{amount:,} {thing}" if amount == 1 else f"{amount:,} {thing}s"
