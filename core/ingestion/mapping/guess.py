"""Guess the mapping of a log from its header and its first rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import replace

from core.base.text import fold_case
from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.event_guess import guess_event_types
from core.ingestion.mapping.guess_builder import Guess, GuessBuilder, builder_of, mapped_columns
from core.ingestion.mapping.id_guess import guess_ids, guess_sessions
from core.ingestion.mapping.log_column import MIN_SHARE, LogColumn, normalize, read_columns
from core.ingestion.mapping.name_guess import guess_name
from core.ingestion.mapping.nested_settings import Names
from core.ingestion.mapping.own_guess import OwnGuess, guess_own_columns
from core.ingestion.mapping.own_text import Reason, Unused
from core.ingestion.mapping.time_format import AUTO, has_time_of_day
from core.ingestion.mapping.time_guess import TimeGuess, guess_time_format, is_time_of_day, read_share
from core.ingestion.mapping.time_problems import time_problem
from core.ingestion.mapping.toml_file import load_mapping, shipped_names
from core.ingestion.mapping.value_guess import NUMBER_ROLES, ambiguous_numbers, find_quantity, guess_value
from core.schema import (
    CATEGORY_ID,
    EVENT_TIME,
    EVENT_TYPE,
    PRODUCT_ID,
    QUANTITY,
    SESSION_VALUE,
    TIME_OF_DAY,
    TRAIN_COLUMNS,
)


def guess_mapping(header: Sequence[str], rows: Sequence[Sequence[str | None]], *, with_value: bool = True) -> Guess:
    """Guess how to read a log. A shipped mapping that fits is used as it is.

    No error is raised if something cannot be determined. The guess lists it in `missing`, with the reason in `reasons`.

    Args:
        header: names of the columns.
        rows: cells of the first rows. A few hundred give a good guess. Without rows, only the names are used.
        with_value: whether to look for session values. False for a test file.

    >>> header, row = ["timestamp", "visitorid", "event", "itemid"], ["1433221332117", "257597", "view", "355908"]
    >>> guess = guess_mapping(header, [row])
    >>> guess.settings["time_format"], guess.settings["session_gap_minutes"], guess.missing
    ('epoch_milliseconds', 30, ('session_value',))
    """
    columns = read_columns(header, rows)
    shipped = [load_mapping(name) for name in shipped_names()]
    # Without values, only a price column distinguishes REES46 from the standard format, so REES46 is tried first.
    for mapping in [Mapping(), *shipped] if with_value else [*shipped, Mapping()]:
        if _fits(mapping, columns, with_value=with_value):
            return _guess_from(mapping, columns, header, with_value=with_value)
    builder = GuessBuilder(columns)
    _guess_times(builder)
    guess_event_types(builder)
    guess_ids(builder)
    guess_sessions(builder)
    if with_value:
        guess_value(builder)
    return _with_own(with_names(builder.build(), columns, builder.assigned), _own_of(builder, header))


def with_names(guess: Guess, columns: Sequence[LogColumn], assigned: Table[str, LogColumn]) -> Guess:
    """Add the columns with the names of products and categories to a guess."""
    name_columns = {
        kind: column.name
        for kind, role in {"product": PRODUCT_ID, "category": CATEGORY_ID}.items()
        if (column := guess_name(role, columns, assigned)) is not None
    }
    if not name_columns:
        return guess
    reasons = {f"{kind}_name": f"Column {name} has about one name per {kind}." for kind, name in name_columns.items()}
    return replace(guess, settings=guess.settings | {"names": name_columns}, reasons=guess.reasons | reasons)


def guess_own(mapping: Mapping, header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> OwnGuess:
    """Guess the own columns of a log that a mapping reads, even if the mapping already has some.

    Args:
        header: names of the columns.
        rows: cells of the first rows. With fewer than 20, no column is taken.
    """
    builder = builder_of(mapping, read_columns(header, rows), mapping.model_dump(exclude_defaults=True))
    return _own_of(builder, header)


def further_columns(mapping: Mapping, header: Sequence[str]) -> list[str]:
    """Return the columns of a log that a mapping does not name; none if it has own columns, or if it does not fit.

    A column of quantities is left out, because session values should be computed with it.
    """
    named = {fold_case(name) for name in mapping.columns.named().values()}
    in_log = {fold_case(name): name for name in reversed(header) if name}
    if "own" in mapping.model_fields_set or not in_log.keys() >= named:
        return []
    others = [name for folded, name in in_log.items() if folded not in named]
    return [name for name in others if normalize(name) not in names.QUANTITY_NAMES]


def without_absent_own(mapping: Mapping, header: Sequence[str]) -> Mapping:
    """Return a shipped mapping without the own columns and names that are missing or ambiguous in a log.

    Other mappings are returned as they are, because they were made for their log.
    """
    shipped = (load_mapping(name) for name in shipped_names()) if mapping.own or mapping.names_in_log() else ()
    if not any((one.own, one.columns) == (mapping.own, mapping.columns) for one in shipped):
        return mapping
    counts = _name_counts(header)
    present_own = {name: column for name, column in mapping.own.items() if counts[fold_case(column.column)] == 1}
    present_names = {
        role.removesuffix("_name"): column
        for role, column in mapping.names_in_log().items()
        if counts[fold_case(column)] == 1
    }
    if len(present_own) == len(mapping.own) and len(present_names) == len(mapping.names_in_log()):
        return mapping
    return mapping.model_copy(update={"own": present_own, "names": Names.model_validate(present_names)})


def _own_of(builder: GuessBuilder, header: Sequence[str]) -> OwnGuess:
    """Return the own columns of a log, without names that occur several times in its header."""
    guess, counts = guess_own_columns(builder), _name_counts(header)
    unrepeated = {name: setting for name, setting in guess.own.items() if counts[fold_case(setting["column"])] == 1}
    repeated = [setting["column"] for name, setting in guess.own.items() if name not in unrepeated]
    return OwnGuess(unrepeated, guess.unused | dict.fromkeys(repeated, Unused(Reason.REPEATED)))


def _name_counts(header: Sequence[str]) -> Counter[str]:
    """Return name of a column in lower case -> number of columns with it."""
    return Counter(fold_case(name.strip().removeprefix("\ufeff").strip()) for name in header)


def _with_own(guess: Guess, own_guess: OwnGuess) -> Guess:
    """Add own columns to a guess. A column of names is used, so it is not among the unused ones."""
    settings = guess.settings | ({"own": own_guess.own} if own_guess.own else {})
    name_columns = settings.get("names", {}).values()
    unused = {column: why for column, why in own_guess.unused.items() if column not in name_columns}
    return replace(guess, settings=settings, unused=unused)


def _guess_from(mapping: Mapping, columns: Sequence[LogColumn], header: Sequence[str], *, with_value: bool) -> Guess:
    """Return the guess of a log that a mapping fits. The own columns of a shipped mapping are those it names."""
    mapping = without_absent_own(mapping, header)
    settings = mapping.model_dump(exclude_defaults=True)
    own_guess = _own_of(builder_of(mapping, columns, settings), header)
    if not mapping.name:
        guess = _guess_roles_from(mapping, columns, with_value=with_value)
        return _with_own(with_names(guess, columns, mapped_columns(mapping, columns)), own_guess)
    used = {fold_case(column.column) for column in mapping.own.values()}
    used |= set(map(fold_case, mapping.names_in_log().values()))
    passed_over = {setting["column"]: Unused(Reason.NOT_IN_MAPPING, own=setting) for setting in own_guess.own.values()}
    unused = {name: why for name, why in (passed_over | own_guess.unused).items() if fold_case(name) not in used}
    return replace(_guess_roles_from(mapping, columns, with_value=with_value), unused=unused)


def _guess_roles_from(mapping: Mapping, columns: Sequence[LogColumn], *, with_value: bool) -> Guess:
    settings, reasons = mapping.model_dump(exclude_defaults=True), _column_reasons(mapping, with_value=with_value)
    if not with_value:
        return Guess(settings, (), reasons)
    has_unit_price = mapping.adds_prices and normalize(str(mapping.columns.price)) in names.PRICE_NAMES
    if has_unit_price and mapping.columns.quantity is None:
        quantity = find_quantity(GuessBuilder(list(columns)))
        if quantity is not None:  # some shops add it to their log; without it, three pieces would count as one
            settings["columns"] = settings.get("columns", {}) | {QUANTITY: quantity.name}
            reasons[QUANTITY] = f"Column {quantity.name} has a usual name for the quantity."
    mapped = mapped_columns(mapping, columns)
    ambiguous = ambiguous_numbers({role: mapped[role] for role in NUMBER_ROLES if role in mapped})
    return Guess(settings, tuple(ambiguous), reasons | ambiguous)


def _column_reasons(mapping: Mapping, *, with_value: bool) -> dict[str, str]:
    """Return role -> sentence, for the roles that the mapping has and those of the standard format that it lacks."""
    mapping_name = f"The mapping {mapping.name}" if mapping.name else "The standard format"
    return {
        role: f"{mapping_name} has no such column." if name is None else f"{mapping_name} has it in column {name}."
        for role, name in mapping.columns
        if (name is not None or role in TRAIN_COLUMNS) and (with_value or role != SESSION_VALUE)
    }


def _fits(mapping: Mapping, columns: Sequence[LogColumn], *, with_value: bool) -> bool:
    """Return whether the log has all columns of a mapping, and their cells can be read with it."""
    mapped = mapped_columns(mapping, columns)
    required = set(mapping.columns.named()) - (set() if with_value else {SESSION_VALUE})
    if not required <= mapped.keys():
        return False
    if EVENT_TYPE in mapped:
        values = set(map(fold_case, mapped[EVENT_TYPE].distinct_values))
        if not values <= mapping.words().keys() | mapping.ignored():
            return False
    return read_share(mapped[EVENT_TIME].values, mapping.time_format) >= MIN_SHARE and all(
        mapped[role].is_numeric(mapping.decimal_mark) for role in NUMBER_ROLES if role in required
    )


def _guess_times(builder: GuessBuilder) -> None:
    """Assign the column of event times, and that of times of day if it has dates only, and set the time format."""
    named = builder.candidates(EVENT_TIME, names.TIME_NAMES)
    others = builder.columns_of_other_names(named)
    for column in [*named, *others]:
        detected = guess_time_format(column.values)
        if detected is None or (column in others and not _is_precise(detected.time_format)):
            continue
        time_of_day = None if has_time_of_day(detected.time_format) else _find_time_of_day(builder, column)
        if time_of_day is None:
            builder.assign(EVENT_TIME, column, f"contains {detected.description}")
        else:
            clock, detected = time_of_day
            builder.assign(EVENT_TIME, column, f"and column {clock.name} together contain {detected.description}")
            builder.assign(TIME_OF_DAY, clock, "has the time of day")
        if detected.time_format != AUTO:
            builder.settings["time_format"] = detected.time_format
        return
    if not named:
        builder.leave_column_open(EVENT_TIME, "No column with times was found.", nested_names=names.TIME_NAMES)
        return
    builder.assign(EVENT_TIME, named[0])
    if named[0].values:
        unknown = f"The times in column {named[0].name} have an unknown format. Set time_format."
        builder.leave_open(EVENT_TIME, time_problem(named[0].name, named[0].values) or unknown)


def _find_time_of_day(builder: GuessBuilder, dates: LogColumn) -> tuple[LogColumn, TimeGuess] | None:
    """Return the column with the times of day that belong to dates, and the form of both together; None without one."""
    for column in builder.unassigned:
        if is_time_of_day(column.values):
            pairs = zip(dates.cells, column.cells, strict=True)
            form = guess_time_format([f"{date} {time}" for date, time in pairs if date and time])
            if form is not None:
                return column, form
    return None


def _is_precise(time_format: str) -> bool:
    """Return whether a column of any name with this format has event times. Digits may be ids, and dates birthdays."""
    return time_format == AUTO or (" " in time_format and has_time_of_day(time_format))
