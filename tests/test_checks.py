"""Checks: outcomes, requirements, and the stored form of a result."""

from __future__ import annotations

from core.audit import RULES
from core.check_result import SEVERITIES, Check, CheckResult, Requirement
from core.submission import CHECKS


class EvenSum(Check[list[int]]):
    """The numbers have an even sum."""

    code = "even_sum"
    title = "The sum is even"
    severity = "warning"
    requirements = (
        Requirement[list[int]](lambda numbers: len(numbers) > 0, "there are no numbers"),
        Requirement[list[int]](lambda numbers: min(numbers) >= 0, "a number is negative"),
    )

    def explain(self, subject: list[int]) -> str | None:
        return None if sum(subject) % 2 == 0 else f"The sum is {sum(subject)}."


def test_a_check_passes_or_fails_with_an_explanation() -> None:
    assert EvenSum().run([1, 3]) == CheckResult("even_sum", "The sum is even", "passed", "warning")
    assert EvenSum().run([1, 2]) == CheckResult("even_sum", "The sum is even", "failed", "warning", "The sum is 3.")


def test_the_first_unmet_requirement_is_the_reason_why_a_check_does_not_apply() -> None:
    empty, negative = EvenSum().run([]), EvenSum().run([-1, 2])
    assert (empty.outcome, negative.outcome) == ("not_applicable", "not_applicable")
    assert "there are no numbers" in empty.explanation
    assert "a number is negative" in negative.explanation


def test_a_stored_result_is_read_back_unchanged_and_has_a_severity_only_if_it_is_graded() -> None:
    graded = EvenSum().run([1])
    ungraded = CheckResult.of("sum", "The sum is even", passed=False, explanation="It is 1.")
    for result in (graded, ungraded):
        assert CheckResult(**result.record()) == result
    assert list(graded.record()) == ["code", "title", "outcome", "severity", "explanation"]
    assert list(ungraded.record()) == ["code", "title", "outcome", "explanation"]


def test_codes_are_unique_and_titles_have_no_full_stop() -> None:
    for checks in (CHECKS, RULES):
        assert len({check.code for check in checks}) == len(checks)
        assert not [check.title for check in checks if check.title.endswith(".")]
    assert {check.severity for check in CHECKS} <= set(SEVERITIES)
