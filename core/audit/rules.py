"""All rules, a line each."""

from __future__ import annotations

from typing import Final

from core.audit.behaviour_rules import ConstantColumns, Robots, SmallData
from core.audit.drift_rules import FeatureDrift, ToldApart
from core.audit.file_rules import EmptyCells, QuarantinedRows, RepeatedRows, TellingOrder
from core.audit.identity_rules import (
    CrowdedUsers,
    MovingCategories,
    NewCategories,
    NewProducts,
    PlaceholderIds,
    SharedUsers,
)
from core.audit.length_rules import CutSessions, LongSessions, ThinSample
from core.audit.purchase_rules import UnknownValues
from core.audit.rule import Rule
from core.audit.session_rules import CompositeSessions, KnownSessions, ReusedSessions, RowsInBoth
from core.audit.spelling_rules import AlikeIds, SpoiledIds
from core.audit.time_rules import CoarseTimes, FarTimes, FilesInTime, MissingDays
from core.audit.value_rules import CappedValues, DifferingValues, HeavyTail, ValueInTest, ValueTrend, ZeroValues

RULES: Final[tuple[Rule, ...]] = (
    QuarantinedRows(),
    RepeatedRows(),
    EmptyCells(),
    TellingOrder(),
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
    MovingCategories(),
    PlaceholderIds(),
    SpoiledIds(),
    AlikeIds(),
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
    ToldApart(),
)
"""From the files to what is learned from them. Findings are sorted by severity, so the order here is only that of the
outcomes."""
