"""The audit report: what is reported for whole datasets, which rules do not apply, and how reports are stored."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from core.audit import AUDIT_VERSION, RULES, audit, report_lines, stored_audit
from core.audit import report as report_module
from core.audit.audited_dataset import AuditedDataset
from core.base.workspace import DEMO_FOLDER
from core.dataset import EVENTS_FILE, Dataset
from core.own_columns import DTYPES, Exclusion, OwnColumnCard
from core.schema import ROLES
from tests.audit.shop import (
    DAY,
    MIDNIGHT,
    NO_EVENTS,
    OF_OWN_COLUMNS,
    RULE,
    TINY,
    at_the_same_time,
    calm,
    changed,
    coarse,
    messy,
    not_applicable,
    number_of,
    ordered,
    visit,
    with_card,
)
from tests.events_on_the_spot import good_events, store
from tests.rewriting import without_hashes


def test_without_defects_only_the_growing_past_is_reported(calm_shop):
    report = audit(calm_shop, recompute=True)
    assert [outcome.code for outcome in report.outcomes] == [rule.code for rule in RULES]
    outcomes = {outcome.code: outcome.outcome for outcome in report.outcomes}
    assert {code for code, outcome in outcomes.items() if outcome == "found"} == {"feature_drift", "told_apart"}
    assert not_applicable(report) == {code: TINY[code] for code in ("value_in_test", "unknown_values", *OF_OWN_COLUMNS)}
    assert {finding.severity for finding in report.findings} == {"note"}


def test_files_of_the_same_days_differ_in_no_feature(mixed_shop):
    report = audit(mixed_shop, recompute=True)
    assert [(finding.code, finding.severity) for finding in report.findings] == [("files_in_time", "note")]
    assert not_applicable(report) == {code: TINY[code] for code in ("value_in_test", "unknown_values", *OF_OWN_COLUMNS)}


def test_the_planted_defects_of_the_demo_are_found_and_nothing_else_is_worse_than_a_note(demo):
    planted = json.loads((DEMO_FOLDER / "demo.json").read_text())
    report = audit(demo, recompute=True)
    findings = {finding.code: finding for finding in report.findings}
    assert {code for code, finding in findings.items() if finding.severity != "note"} == {
        "composite_sessions", "known_sessions"
    }  # fmt: skip
    assert findings["known_sessions"].count == planted["known_sessions"] == 19
    assert findings["composite_sessions"].count == 1
    shared, name = findings["composite_sessions"], planted["composite_session"]
    assert [example.split(",")[0] for example in shared.examples] == [
        f"{name} in train: {planted['composite_train_users']} users",
        f"{name} in test: {planted['composite_test_users']} users",
    ]
    assert findings["shared_users"].count == planted["users_in_both"]
    assert findings["new_products"].count == planted["products_new_in_test"]


def test_with_ten_sessions_some_rules_do_not_apply_and_the_others_do(tmp_path):
    report = audit(store(tmp_path, good_events()))
    assert not_applicable(report) == TINY
    assert {finding.code for finding in report.findings} <= set(RULE) - set(TINY)


def test_without_events_no_rule_applies(tmp_path, calm_shop):
    folder = tmp_path / calm_shop.folder.name
    shutil.copytree(calm_shop.folder, folder)
    for name in ("train.parquet", "test.parquet", "units.parquet"):
        pl.read_parquet(folder / name).clear().write_parquet(folder / name)
    dataset = with_card(without_hashes(Dataset(folder)), {"sessions": 0, "users": 0, "kept": 0, "rows": 0})
    report = audit(dataset, recompute=True)
    assert not_applicable(report) == {rule.code: NO_EVENTS for rule in RULES}
    assert report.findings == ()


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (
            lambda e: {"time": e.time - e.time % DAY},
            "cut_sessions",
            "half of the sessions with several events last 0 s",
        ),
        (lambda e: {"value": 3.0}, "heavy_tail", "all train sessions have the same value"),
        (lambda e: {"value": 3.0}, "value_trend", "all train sessions have the same value"),
        (lambda e: {"user": f"U{number_of(e) % 40}"}, "feature_drift", "a file has fewer than 50 users"),
        (lambda e: {"user": f"U{number_of(e) % 40}"}, "told_apart", "a file has fewer than 50 users"),
        (lambda e: {"time": MIDNIGHT}, "coarse_times", "all events have the same time"),
        (
            lambda e: {"time": MIDNIGHT},
            "value_trend",
            "a half of the train file has fewer than 200 sessions with a value",
        ),
    ],
)
def test_the_reason_why_a_rule_does_not_apply_is_the_unmet_requirement(tmp_path, change, code, reason):
    outcome, _ = RULE[code].examine(AuditedDataset(store(tmp_path, changed(calm(), change))))
    assert (outcome.outcome, outcome.reason) == ("not_applicable", reason)


def test_missing_days_do_not_apply_to_days_with_few_events(tmp_path):
    outcome, _ = RULE["missing_days"].examine(AuditedDataset(store(tmp_path, calm(train=100, test=40))))
    assert (outcome.outcome, outcome.reason) == ("not_applicable", "a median day has fewer than 20 events")


def test_codes_and_titles_are_unique_and_findings_carry_their_rules_code(demo):
    assert len({rule.code for rule in RULES}) == len({rule.title for rule in RULES}) == len(RULES)
    report = audit(demo)
    outcomes = {outcome.code: outcome for outcome in report.outcomes}
    assert {finding.code for finding in report.findings} == {
        code for code, outcome in outcomes.items() if outcome.outcome == "found"
    }


def test_the_sentences_of_every_rule(tmp_path, calm_copy, snapshot):
    untrained = {"session": [1], "user_session": ["S1"], "reason": ["lost_purchase"], "remaining": [12.5]}
    pl.DataFrame(untrained).write_parquet(calm_copy.folder / "untrained.parquet")
    counts = {"quarantined": 40, "ignored": 3, "duplicates": 9, "empty_cells": {"BUY": {"category_id": 400}}}
    written = with_card(
        calm_copy,
        train=counts | ordered(value_rises=0.995),
        value_rule="price_of_buys",
        unassigned_purchases=1,
        untrained={"lost_purchase": 30},
        own=[card.model_dump() for card in own_cards()],
    )
    for role in ROLES:  # the cells from which the sample computes features
        file = calm_copy.folder / EVENTS_FILE.format(role=role)
        cells = (pl.lit(None, DTYPES[card.kind]).alias(card.stored) for card in own_cards())
        pl.read_parquet(file).with_columns(*cells).write_parquet(file)
    pl.DataFrame({"reason": ["empty user_id"], "ignored": [False]}).write_parquet(
        calm_copy.folder / "quarantine.parquet"
    )
    without_users = with_card(store(tmp_path / "without users", coarse()), has_users=False)
    datasets = (store(tmp_path / "messy", messy()), store(tmp_path / "coarse", coarse()), written, without_users)
    sentences = {
        finding.code: (finding.severity, finding.title, finding.explanation, finding.advice, finding.examples)
        for dataset in datasets
        for finding in reversed(audit(dataset, recompute=True).findings)
    }
    assert set(RULE) == set(sentences)
    assert {code: (RULE[code].title, *sentences[code]) for code in RULE} == snapshot


def own_cards() -> list[OwnColumnCard]:
    """Own columns of which each has something that a rule reports."""
    usual = OwnColumnCard(
        name="price", level="product", kind="money", label="price", filled_train=0.9, filled_test=0.4, distinct=900
    )
    excluded = {
        "revenue": (Exclusion.GIVES_VALUE_AWAY, "Its cells explain 93.0% of the variance of session values."),
        "remark": (Exclusion.EMPTY, "30.0% of the train events and 0.0% of the test events have a cell."),
    }
    return [
        usual,
        *(usual.model_copy(update={"name": name, "excluded": code, "finding": text})
          for name, (code, text) in excluded.items()),
        usual.model_copy(
            update={"name": "device", "level": "event", "several": 0.2, "filled_test": 0.9, "kind": "time"}
        ),
    ]  # fmt: skip


def test_findings_come_worst_first_and_then_by_count(tmp_path):
    lost = [event for user in range(4) for event in visit("train", "LOST", f"V{user}", times=[DAY])]
    old = visit("train", "OLD", "V9", times=[-MIDNIGHT])
    report = audit(store(tmp_path, at_the_same_time() + lost + old))
    order = [(finding.severity, -(finding.count or 0)) for finding in report.findings]
    ranks = ["serious", "warning", "note"]
    assert order == sorted(order, key=lambda pair: (ranks.index(pair[0]), pair[1]))
    assert [finding.code for finding in report.findings][:2] == ["far_times", "composite_sessions"]
    assert report.count_by_severity() == {
        severity: sum(finding.severity == severity for finding in report.findings) for severity in ranks
    }


def test_the_same_dataset_gives_the_same_bytes(demo):
    first = audit(demo, recompute=True).model_dump_json()
    stored = (demo.folder / "audit.json").read_bytes()
    assert audit(demo, recompute=True).model_dump_json() == first
    assert (demo.folder / "audit.json").read_bytes() == stored


def test_codes_and_unit_numbers_may_be_any_whole_numbers_in_any_order(demo, tmp_path):
    """The same events under scattered codes, negative ones among them, and units in no order."""
    folder = tmp_path / demo.folder.name
    shutil.copytree(demo.folder, folder)
    scattered = {"session": 3, "user": 5, "product": 7, "category": 11, "unit": 13}

    def scatter(path: Path) -> None:
        frame = pl.read_parquet(path)
        present = [name for name in scattered if name in frame.columns]
        frame = frame.with_columns(pl.col(name).hash(scattered[name]).reinterpret(signed=True) for name in present)
        frame.sample(fraction=1, shuffle=True, seed=1).write_parquet(path)

    for path in sorted(folder.glob("*.parquet")):
        scatter(path)
    before, after = audit(demo, recompute=True), audit(without_hashes(Dataset(folder)), recompute=True)
    assert before.outcomes == after.outcomes
    summaries = [
        {f.code: (f.severity, f.count, f.title) for f in report.findings} for report in (before, after)
    ]  # fmt: skip
    assert summaries[0] == summaries[1]
    for code in set(summaries[0]) - {"feature_drift", "told_apart"}:
        expected, actual = (next(f for f in report.findings if f.code == code) for report in (before, after))
        assert expected.explanation == actual.explanation


def test_a_stored_report_is_returned_without_running_the_rules(calm_copy, monkeypatch):
    assert stored_audit(calm_copy) is None
    first = audit(calm_copy)
    assert stored_audit(calm_copy) == first
    monkeypatch.setattr(report_module, "AuditedDataset", None)  # running the rules now fails
    assert audit(calm_copy) == first
    with pytest.raises(TypeError):
        audit(calm_copy, recompute=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[1, 2]",
        lambda text: text.replace(f'"version": {AUDIT_VERSION}', f'"version": {AUDIT_VERSION - 1}'),
        lambda text: text.replace('"severity": "note"', '"severity": "dreadful"', 1),
        lambda text: text.replace('"dataset": "', '"dataset": "another'),
    ],
    ids=["empty", "half", "other", "older", "unknown severity", "of another dataset"],
)
def test_a_damaged_or_older_report_is_recomputed(calm_copy, damage):
    first = audit(calm_copy)
    path = calm_copy.folder / "audit.json"
    whole = path.read_text()
    assert damage(whole) != whole
    path.write_text(damage(whole))
    assert stored_audit(calm_copy) is None
    assert audit(calm_copy) == first
    assert path.read_text() == whole


def test_a_report_that_is_not_text_is_recomputed(calm_copy):
    (calm_copy.folder / "audit.json").write_bytes(b"\xff\xfe\x00")
    assert stored_audit(calm_copy) is None
    assert audit(calm_copy) == stored_audit(calm_copy)


def test_nothing_but_the_audit_is_left_in_the_folder(calm_copy):
    before = {path.name for path in calm_copy.folder.iterdir()}
    audit(calm_copy, recompute=True)
    assert {path.name for path in calm_copy.folder.iterdir()} - before == {"audit.json"}


def test_if_the_folder_is_not_writable_the_report_is_returned_but_not_saved(calm_copy, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    before = {path.name for path in calm_copy.folder.iterdir()}
    assert audit(calm_copy).findings
    assert {path.name for path in calm_copy.folder.iterdir()} == before


def test_progress_goes_up_to_the_end(calm_copy):
    heard: list[tuple[int, int, str]] = []
    audit(calm_copy, lambda part, parts, text: heard.append((part, parts, text)))
    parts = [part for part, _, _ in heard]
    assert parts == sorted(parts)
    assert {whole for _, whole, _ in heard} == {heard[-1][0]}
    assert "product history features" in {text for _, _, text in heard}
    assert {rule.title for rule in RULES} <= {text for _, _, text in heard}


def test_the_summary_has_every_finding_and_every_rule_that_does_not_apply(tmp_path):
    report = audit(store(tmp_path, good_events()))
    summary = report_lines(report)
    counted = report.count_by_severity()
    assert summary[0].startswith(f"{len(report.findings)} findings: {counted['serious']} serious, ")
    assert summary[0].endswith("found nothing, 16 did not apply")
    text = "\n".join(summary)
    for finding in report.findings:
        assert f"{finding.title}\n         {finding.explanation}\n         {finding.advice}" in text
    for code, reason in TINY.items():
        assert f"{RULE[code].title}: does not apply because {reason}" in text
    assert not any("\n" in line for line in summary)


def test_sentences_end_and_titles_do_not(demo, tmp_path):
    for finding in (*audit(demo).findings, *audit(store(tmp_path, good_events())).findings):
        assert finding.explanation.endswith(".")
        assert finding.advice.endswith(".")
        assert not finding.title.endswith(".")
        assert "nan" not in f"{finding.explanation}{finding.title}".lower().split()


def test_ids_are_only_in_the_examples_cut_and_on_one_line(tmp_path):
    """A page renders explanations as Markdown, and ids are text from a visitor's files."""
    evil = "![x](https://example.org/x)" + "y" * 5_000
    events = [
        dataclasses.replace(event, product=evil, category="a\nb", session=f"{evil}{number_of(event) // 4}")
        for event in calm(train=300, test=160)
    ]
    report = audit(store(tmp_path, events))
    assert {"composite_sessions", "constant_columns"} <= {finding.code for finding in report.findings}
    for finding in report.findings:
        assert "example.org" not in f"{finding.title}{finding.explanation}{finding.advice}"
        assert all(len(example) < 200 and example.isprintable() for example in finding.examples)
    assert "category_id: a\\nb" in next(f for f in report.findings if f.code == "constant_columns").examples
    assert all(line.isprintable() for line in report_lines(report))


def test_a_report_does_not_depend_on_the_date(demo):
    today = datetime.datetime.now(datetime.UTC).date()
    assert str(today) not in audit(demo, recompute=True).model_dump_json()
