"""Rules for open sessions: refused in one sentence if wrong, and backtested as a loop over sessions would do it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from statistics import mean, median
from typing import Any

import polars as pl
import pytest

from core.base.workspace import Workspace
from core.cli.main import main
from core.config import RunConfig
from core.errors import InputError, SettingError
from core.ingestion import InputFiles
from core.live import Estimate
from core.live.rule_backtest import backtest_rules, outcome_text, rules_finding, suggested_rules
from core.live.rules import Rules, read_rules, rules_of, rules_toml
from core.pipeline.run import run as run_pipeline
from core.pipeline.served import prefixes_of
from core.runs import Run

ESTIMATE = Estimate(
    value=80.0,
    low=20.0,
    high=inf,
    low_95=5.0,
    high_95=inf,
    p_buy=0.2,
    secured=0.0,
    to_come=80.0,
    events_seen=4,
    seconds=90,
)
HESITATES = {"label": "hesitates", "value_above": 60, "p_buy_below": 0.3, "events_seen_above": 2}


@pytest.fixture(scope="module")
def live_run(small_files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = RunConfig.checked(purpose="live", learners=("lightgbm",), folds=2)
    return run_pipeline(small_files, config, Workspace(tmp_path_factory.mktemp("rules")))


def test_a_label_needs_all_conditions_of_its_rule() -> None:
    rules = rules_of([HESITATES, {"label": "open end", "high_above": 1e9}, {"label": "late", "seconds_above": 90}])
    assert rules.labels(ESTIMATE) == ("hesitates", "open end")
    assert rules.labels(replace(ESTIMATE, seconds=91, high=100.0)) == ("hesitates", "late")
    for changed in ({"value": 60.0}, {"p_buy": 0.3}, {"events_seen": 2}):
        assert rules.labels(replace(ESTIMATE, **changed)) == ("open end",)  # type: ignore[arg-type]
    assert Rules().labels(ESTIMATE) == ()


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([{}], "label of rule 1 is missing. It takes a text of at most 60 characters."),
        ([{"label": "a"}], "a condition of the rule a is missing."),
        ([{"label": "a", "valu_above": 3}], "There is no setting valu_above. Allowed: value_above,"),
        ([{"label": "a", "value_above": nan}], "value_above of rule 1 is nan. Allowed: a finite number."),
        ([HESITATES, {"label": "b", "low_below": "x"}], "low_below of rule 2 is 'x'. Allowed: a finite number."),
        ([{"label": "a", "value_above": 3, "value_below": 3}], "value_below of the rule a is 3.0. Allowed: a number "),
        ([HESITATES, HESITATES], "label is 'hesitates'. Allowed: a different label for each rule."),
        ([3], "rule 1 is 3. Allowed: a table with a label and conditions."),
        ("x", "rules is 'str'. Allowed: a list of rules."),
        ([HESITATES] * 51, "rules is 'a list of 51'. Allowed: at most 50 rules."),
        ([{"label": "x" * 61, "value_above": 1}], "label of rule 1 is 'xxx"),
        ([HESITATES | {"claims_purchase": "maybe"}], "claims_purchase of rule 1 is 'maybe'. Allowed: true or false."),
    ],
)
def test_wrong_rules_are_refused_in_one_sentence(records: object, sentence: str) -> None:
    with pytest.raises(SettingError) as refused:
        rules_of(records)
    assert refused.value.problem.startswith(sentence)


def test_a_file_is_read_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(rules_toml(rules_of([HESITATES])))
    assert read_rules(path).records() == [HESITATES]
    for content, error, part in (
        ("rules = 3", SettingError, "rules.toml: rules is 'int'. Allowed: a list of rules."),
        ("[[rule]]\nlabel = 'a'", SettingError, "rules.toml: There is no setting rule. Allowed: rules."),
        ("no toml", InputError, "rules.toml cannot be opened (it is not a TOML file"),
        ("x = " + "[" * 5_000, InputError, "rules.toml cannot be opened"),
        (
            f"{rules_toml(rules_of([HESITATES]))}#{'x' * 70_000}\n",
            InputError,
            "rules.toml cannot be opened (it has more",
        ),
    ):
        path.write_text(content)
        with pytest.raises(error) as refused:
            read_rules(path)
        assert refused.value.problem.startswith(part)
    with pytest.raises(InputError, match=r"none.toml cannot be opened \(No such file"):
        read_rules(tmp_path / "none.toml")


Row = dict[str, Any]
ORACLES: list[tuple[dict[str, object], Callable[[Row], bool], Callable[[Row], bool]]] = [
    (
        {"label": "a", "value_above": 45, "p_buy_below": 0.5, "claims_purchase": False},
        lambda row: row["stack"] > 45 and row["p_buy"] < 0.5,
        lambda row: row["bought"] == 0,
    ),
    (
        {"label": "b", "to_come_above": 20, "seconds_above": 30, "high_below": 200, "claims_value_above": 50},
        lambda row: (
            max(row["stack"] - row["secured"], 0) > 20 and row["seconds"] > 30 and (row["high_80"] or inf) < 200
        ),
        lambda row: row["value"] > 50,
    ),
]


@pytest.mark.parametrize(("record", "holds", "is_right"), ORACLES)
def test_a_backtest_equals_a_loop_over_the_sessions(
    live_run: Run, record: dict[str, object], holds: Callable[[Row], bool], is_right: Callable[[Row], bool]
) -> None:
    prefixes = prefixes_of(live_run)
    rows = sorted(prefixes.to_dicts(), key=lambda row: (row["unit"], row["events_seen"]))
    sessions: dict[int, Row] = {row["unit"]: row for row in rows}
    first: dict[int, Row] = {}
    for row in rows:
        if holds(row):
            first.setdefault(row["unit"], row)
    by_length: dict[int, list[Row]] = defaultdict(list)
    ends = (1, 2, 3, 4, 5, 7, 10, 15, 20, inf)

    def length_class(row: Row) -> int:
        return next(number for number, end in enumerate(ends) if row["events_seen"] <= end)

    for row in rows:
        if row["drawn"]:
            by_length[length_class(row)].append(row)
    labelled = list(first.values())
    assert len(labelled) > 20

    def others(fact: Callable[[Row], float]) -> float:
        return mean(mean(map(fact, by_length[length_class(row)])) for row in labelled)

    (outcome,) = backtest_rules(rules_of([record]), prefixes).to_dicts()
    assert outcome == pytest.approx(
        {
            "label": record["label"],
            "sessions": len(labelled),
            "share": len(labelled) / len(sessions),
            "first_event": median(row["events_seen"] for row in labelled),
            "first_second": median(row["seconds"] for row in labelled),
            "bought": mean(row["bought"] for row in labelled),
            "bought_others": others(lambda row: row["bought"]),
            "value": mean(row["value"] for row in labelled),
            "value_others": others(lambda row: row["value"]),
            "value_share": sum(row["value"] for row in labelled) / sum(row["value"] for row in sessions.values()),
            "precision": mean(map(is_right, labelled)),
            "precision_others": others(is_right),
        }
    )


def test_a_rule_that_labels_nothing_or_claims_nothing_says_so(live_run: Run) -> None:
    never, always = rules_of(
        [{"label": "never", "value_above": 1e9}, {"label": "always", "events_seen_above": 0}]
    ).rules
    outcomes = backtest_rules(Rules([never, always]), prefixes_of(live_run)).fill_nan(None).to_dicts()
    assert (outcomes[0]["sessions"], outcomes[0]["value"], outcomes[1]["precision"]) == (0, None, None)
    assert (outcomes[1]["share"], outcomes[1]["value_share"]) == (1.0, 1.0)
    assert outcome_text(outcomes[0]) == "No session would have been labelled."
    assert "The claim" not in outcome_text(outcomes[1])
    assert rules_finding(outcomes) == (
        "The label always would have been on 100.0% of the sessions, which hold 100.0% of the total value."
    )
    assert rules_finding(outcomes[:1]) == "No session would have been labelled."
    assert backtest_rules(Rules(), prefixes_of(live_run)).is_empty()


def test_suggested_rules_label_some_sessions(live_run: Run) -> None:
    prefixes = prefixes_of(live_run)
    rules = suggested_rules(prefixes)
    assert [rule.label for rule in rules.rules] == ["high value", "will not buy"]
    assert backtest_rules(rules, prefixes)["sessions"].min() > 0  # type: ignore[operator]  # a number
    assert suggested_rules(prefixes.clear()).rules == ()


def test_the_verb_prints_a_line_per_rule_and_json(
    live_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(rules_toml(rules_of([HESITATES, {"label": "never", "value_above": 1e9}])))
    command = ["rules", "--run", str(live_run.folder), "--rules", str(path)]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "never: No session would have been labelled.\n" in text
    assert "\nhesitates: " in f"\n{text}"
    assert main([*command, "--json"]) == 0
    outcomes = json.loads(capsys.readouterr().out.splitlines()[-1])["rules"]
    expected = backtest_rules(read_rules(path), prefixes_of(live_run)).fill_nan(None)
    assert pl.DataFrame(outcomes, schema=expected.schema).equals(expected)


def test_the_rules_of_a_run_of_whole_sessions_are_refused(
    finished: tuple[Workspace, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(rules_toml(rules_of([HESITATES])))
    assert main(["rules", "--run", str(finished[1].folder), "--rules", str(path)]) == 2
    assert "cannot predict open sessions" in capsys.readouterr().err


def test_sessions_without_any_value_have_no_share_of_it(live_run: Run) -> None:
    prefixes = prefixes_of(live_run).with_columns(pl.lit(0.0).alias("value"))
    rules = rules_of([{"label": name, "events_seen_above": 0} for name in ("first", "second")])
    outcomes = backtest_rules(rules, prefixes).fill_nan(None).to_dicts()
    assert [outcome["value_share"] for outcome in outcomes] == [None, None]
    assert rules_finding(outcomes) == "The label first would have been on 100.0% of the sessions."
    assert "total value" not in outcome_text(outcomes[0])
