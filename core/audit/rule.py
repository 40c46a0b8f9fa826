"""What a rule is, what it can need, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from core.audit.case import AuditCase
from core.audit.finding import Finding, Record, RuleOutcome, Severity


@dataclass(frozen=True)
class Need:
    """Something without which a rule does not apply; `otherwise` says what is the matter then."""

    met: Callable[[AuditCase], bool]
    otherwise: str


_EVENTS: Final = Need(lambda case: case.units.height > 0, "the files hold no events")


class Rule(ABC):
    """One thing to look for in a dataset: a code, a title, what it needs, and a look at the case."""

    code: ClassVar[str]
    title: ClassVar[str]
    """What the rule looks for, in words that hold whether it is there or not."""
    needs: ClassVar[tuple[Need, ...]] = ()
    """Beside events, which every rule needs."""

    @abstractmethod
    def look(self, case: AuditCase) -> Finding | None:
        """The finding, None where there is nothing to tell; asked only when all needs are met."""

    def ask(self, case: AuditCase) -> tuple[RuleOutcome, Finding | None]:
        """The outcome, and the finding where there is one."""
        unmet = next((need.otherwise for need in (_EVENTS, *self.needs) if not need.met(case)), None)
        if unmet is not None:
            return RuleOutcome(code=self.code, title=self.title, outcome="not_applicable", reason=unmet), None
        found = self.look(case)
        outcome = RuleOutcome(code=self.code, title=self.title, outcome="quiet" if found is None else "found")
        return outcome, found

    def finding(
        self,
        severity: Severity,
        title: str,
        *,
        explanation: str,
        advice: str,
        count: int | None = None,
        examples: Sequence[str] = (),
        chart: str | None = None,
        table: Sequence[Record] = (),
    ) -> Finding:
        """A finding of this rule."""
        return Finding(
            code=self.code,
            title=title,
            severity=severity,
            count=count,
            explanation=explanation,
            advice=advice,
            examples=tuple(examples),
            chart=chart,
            table=tuple(table),
        )
