"""Parse event times to epoch seconds, with the time format and time zone of the mapping."""

from __future__ import annotations

from contextlib import suppress
from zoneinfo import available_timezones

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.mapping.time_format import EPOCHS, HALF_OF_DAY, ROUNDED_TIME, ZONE_NAME
from core.schema import EVENT_TIME, TIME_OF_DAY

_EARLIEST, _LATEST = -2_208_988_800, 7_258_118_400
"""Years 1900 to 2200; another year, such as 20025, is a typing error."""
_EARLIEST_NUMERIC = 631_152_000
"""1990, for numeric times: seconds that are read as milliseconds would all be in January 1970."""
_UTC_ENDINGS = ("+00:00", " UTC", "Z", "+0000", "+00", "UTC", " +00:00", " +0000")
_LENGTH = len("2025-06-19 10:23:07")
_WITH_OFFSET = "%Y-%m-%d %H:%M:%S%.f%#z"
_WITHOUT_OFFSET = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_DTYPE_UNITS = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}  # time unit of a Polars dtype -> units per second
_MINUTE_DIRECTIVES = ("%M", "%T", "%R", "%r", "%X", "%c")
_CLOCK_DIRECTIVES = ("%H", "%I", "%T", "%R", "%r", "%X", "%c", "%k", "%l")


def event_times(cells: pl.DataFrame) -> pl.Series:
    """Return the cells of event_time, joined by a blank with those of time_of_day if the log has such a column."""
    if TIME_OF_DAY not in cells.columns:
        return cells.get_column(EVENT_TIME)
    date, time = (pl.col(column).cast(pl.String).str.strip_chars() for column in (EVENT_TIME, TIME_OF_DAY))
    return cells.select(pl.concat_str(date, time, separator=" ")).to_series()


def epoch_seconds(times: pl.Series, mapping: Mapping) -> pl.Series:
    """Parse event times to epoch seconds (UTC, Int64), rounded down; null if the cell is not a time.

    Times without an offset are in the mapping's time zone. A local time that daylight saving skips is moved one hour
    later. If a local time occurs twice, it is the earlier one. A column of dates (Parquet, databases) becomes null
    unless the mapping sets `dates_only`. A date then is the first second of its day in UTC, whatever the zone.
    """
    if isinstance(times.dtype, pl.Datetime):
        seconds = _epoch(times) if times.dtype.time_zone else _in_zone(times, mapping.time_zone)
    elif times.dtype == pl.Date:
        days = times if mapping.dates_only else times.clear(len(times))
        seconds = _epoch(days.cast(pl.Datetime("us")))
    elif mapping.time_format in EPOCHS:
        seconds = _from_numbers(times, EPOCHS[mapping.time_format])
        seconds = seconds.set(seconds < _EARLIEST_NUMERIC, None)
    elif mapping.time_format == "auto":
        seconds = _from_iso(times.cast(pl.String), mapping.time_zone)
    else:
        seconds = _from_format(times.cast(pl.String).str.strip_chars(), mapping.time_format, mapping.time_zone)
    return seconds.set(~seconds.is_between(_EARLIEST, _LATEST), None)


def _from_numbers(times: pl.Series, units_per_second: int) -> pl.Series:
    """Parse epoch times; null if a cell is not a number, or a rounded one such as 1.74E+12."""
    if times.dtype == pl.String:
        texts = times.str.strip_chars()
        texts = texts.set(texts.str.contains(ROUNDED_TIME), None)
        whole = texts.cast(pl.Int64, strict=False)
        times = whole if whole.null_count() == texts.null_count() else texts.cast(pl.Float64, strict=False)
    if times.dtype.is_float():
        fits = times.is_finite() & (times.abs() < 2.0**62)
        times = times.set(~fits.fill_null(value=False), None).floor()
    return times.cast(pl.Int64, strict=False) // units_per_second


def _epoch(times: pl.Series) -> pl.Series:
    unit = times.dtype.time_unit if isinstance(times.dtype, pl.Datetime) else "us"
    return times.to_physical() // _DTYPE_UNITS[unit]


def _in_zone(times: pl.Series, zone: str) -> pl.Series:
    """Return the epoch seconds of local times; see `epoch_seconds` for those that daylight saving skips or repeats."""
    if zone == "UTC":
        return _epoch(times)
    local = times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    skipped = times.dt.offset_by("1h").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return _epoch(local).fill_null(_epoch(skipped))


def _from_iso(texts: pl.Series, zone: str) -> pl.Series:
    """Parse ISO 8601. A fast path parses whole seconds with UTC or no offset; the slow path parses all other forms."""
    first = texts.first()
    delimiter = "T" if isinstance(first, str) and first[10:11] == "T" else " "
    moments = texts.str.head(_LENGTH).str.to_datetime(
        f"%Y-%m-%d{delimiter}%H:%M:%S",
        time_unit="us",
        strict=False,
        cache=False,  # a cache is slower than parsing
    )
    offset = _UTC_ENDINGS[0]
    if texts.str.ends_with(offset).all() and (texts.str.len_bytes() == _LENGTH + len(offset)).all():
        seconds = _epoch(moments)
    else:
        ending = texts.str.slice(_LENGTH)
        in_utc = pl.when(ending.is_in(_UTC_ENDINGS)).then(_epoch(moments))
        seconds = pl.select(in_utc.when(ending == "").then(_in_zone(moments, zone))).to_series()
    unparsed = seconds.is_null() & texts.is_not_null()
    if not unparsed.any():
        return seconds
    return seconds.scatter(unparsed.arg_true(), _from_any_iso(texts.filter(unparsed), zone))


def _from_any_iso(texts: pl.Series, zone: str) -> pl.Series:
    """Parse ISO 8601 in all forms, also with the name of a time zone at the end, which counts if there is no offset."""
    if not texts.str.contains("/", literal=True).any():
        return _from_zoneless_iso(texts, zone)
    zones, texts = texts.str.extract(ZONE_NAME), texts.str.replace(ZONE_NAME, "")
    seconds = _from_zoneless_iso(texts, zone)
    seconds = seconds.set(zones.is_not_null(), None)
    for name in available_timezones().intersection(zones):
        at = (zones == name).arg_true()
        with suppress(pl.exceptions.ComputeError):  # a zone that is too new for Polars
            seconds = seconds.scatter(at, _from_zoneless_iso(texts.gather(at), name))
    return seconds


def _from_zoneless_iso(texts: pl.Series, zone: str) -> pl.Series:
    """Parse ISO 8601 without the name of a zone; times without an offset are in `zone`."""
    plain = texts.str.strip_chars().str.to_uppercase().str.replace(r"\s?(UTC|GMT|Z)$", "+00:00")
    plain = plain.str.replace(r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)", "${1}-${2}-${3} ${4}:${5}:${6}")
    plain = plain.str.replace("T", " ", literal=True).str.replace(r"(:\d\d),(\d)", "${1}.${2}")
    cleaned = plain.str.replace(r"\s([+-]\d\d)", "${1}").str.replace(r"^(\S+ \d\d:\d\d)([+-])", "${1}:00${2}")
    with_offset = _epoch(cleaned.str.to_datetime(_WITH_OFFSET, time_unit="us", time_zone="UTC", strict=False))
    local = (cleaned.str.to_datetime(form, time_unit="us", strict=False) for form in _WITHOUT_OFFSET)
    return pl.select(pl.coalesce(with_offset, *(_in_zone(times, zone) for times in local))).to_series()


def _from_format(texts: pl.Series, time_format: str, zone: str) -> pl.Series:
    time_format = time_format.replace(".%f", "%.f")  # Python's notation to Polars'
    if "%p" in time_format:
        texts = texts.str.replace(HALF_OF_DAY, "${1}${2}m${3}")
    if "%z" in time_format:
        texts = texts.str.replace(r"\s?(UTC|GMT|Z)$", "+00:00") if "%z " not in time_format else texts
        return _epoch(texts.str.to_datetime(time_format, time_unit="us", time_zone="UTC", strict=False))
    if not any(directive in time_format for directive in _CLOCK_DIRECTIVES):
        return _epoch(texts.str.to_date(time_format, strict=False).cast(pl.Datetime("us")))
    if not any(directive in time_format for directive in _MINUTE_DIRECTIVES):  # Polars requires minutes with hours
        texts, time_format = texts + " 00", f"{time_format} %M"
    return _in_zone(texts.str.to_datetime(time_format, time_unit="us", strict=False), zone)
