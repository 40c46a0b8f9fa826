"""All audit rules, one line each."""

from __future__ import annotations

from typing import Final

from core.audit.behaviour_rules import ConstantColumns, Robots, SmallData
from core.audit.drift_rules import DistinguishableFiles, FeatureDrift
from core.audit.file_rules import EmptyCells, InformativeOrder, QuarantinedRows, RepeatedRows
from core.audit.identity_rules import (
    CrowdedUsers,
    NewCategories,
    NewProducts,
    PlaceholderIds,
    ProductsInSeveralCategories,
    SharedUsers,
)
from core.audit.length_rules import CutSessions, LongSessions, ThinSample
from core.audit.purchase_rules import UnknownValues
from core.audit.rule import Rule
from core.audit.session_rules import CompositeSessions, KnownSessions, ReusedSessions, RowsInBoth
from core.audit.spelling_rules import CorruptedIds, SpellingVariants
from core.audit.time_rules import CoarseTimes, FarTimes, FilesInTime, MissingDays
from core.audit.value_rules import CappedValues, DifferingValues, HeavyTail, ValueInTest, ValueTrend, ZeroValues

RULES: Final[tuple[Rule, ...]] = (
    QuarantinedRows(),
    RepeatedRows(),
    EmptyCells(),
    InformativeOrder(),
    SmallData(),
    ConstantColumns(),
    FilesInTime(),
    FarTimes(),
    MissingDays(),
    CoarseTimes(),
    CompositeSessions(),
    KnownSessions(),
    ReusedSessions(),
    RowsInBoth(),
    CutSessions(),
    LongSessions(),
    ThinSample(),
    SharedUsers(),
    NewProducts(),
    NewCategories(),
    ProductsInSeveralCategories(),
    PlaceholderIds(),
    CorruptedIds(),
    SpellingVariants(),
    CrowdedUsers(),
    Robots(),
    HeavyTail(),
    ZeroValues(),
    ValueInTest(),
    UnknownValues(),
    DifferingValues(),
    CappedValues(),
    ValueTrend(),
    FeatureDrift(),
    DistinguishableFiles(),
)
"""In the order of the outcomes, from the files to the features. Findings are sorted by severity instead."""
