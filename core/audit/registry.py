"""All audit rules, one line each."""

from __future__ import annotations

from typing import Final

from core.audit import (
    behaviour_rules,
    drift_rules,
    file_rules,
    identity_rules,
    length_rules,
    own_rules,
    session_rules,
    spelling_rules,
    time_rules,
    value_rules,
)
from core.audit.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    file_rules.QuarantinedRows(),
    file_rules.RepeatedRows(),
    file_rules.EmptyCells(),
    file_rules.InformativeOrder(),
    behaviour_rules.SmallData(),
    behaviour_rules.ConstantColumns(),
    time_rules.FilesInTime(),
    time_rules.FarTimes(),
    time_rules.MissingDays(),
    time_rules.CoarseTimes(),
    session_rules.CompositeSessions(),
    session_rules.KnownSessions(),
    session_rules.ReusedSessions(),
    session_rules.RowsInBoth(),
    length_rules.CutSessions(),
    length_rules.LongSessions(),
    length_rules.ThinSample(),
    identity_rules.NoUsers(),
    identity_rules.SharedUsers(),
    identity_rules.NewProducts(),
    identity_rules.NewCategories(),
    identity_rules.ProductsInSeveralCategories(),
    identity_rules.PlaceholderIds(),
    spelling_rules.CorruptedIds(),
    spelling_rules.SpellingVariants(),
    identity_rules.CrowdedUsers(),
    behaviour_rules.Robots(),
    value_rules.HeavyTail(),
    value_rules.ZeroValues(),
    value_rules.ValueInTest(),
    value_rules.UnknownValues(),
    value_rules.DifferingValues(),
    value_rules.CappedValues(),
    value_rules.ValueTrend(),
    own_rules.LeakingColumns(),
    own_rules.UnusableColumns(),
    own_rules.SeveralCells(),
    own_rules.OwnDrift(),
    drift_rules.FeatureDrift(),
    drift_rules.DistinguishableFiles(),
)
"""In the order in which they run: from rules on the files to rules on the features."""
