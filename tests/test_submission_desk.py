"""The desk: any file checked against a run, its expected score, files compared and blended, and the log."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.__main__ import main
from core.base.workspace import Workspace
from core.errors import InputError, RunError, SettingError
from core.pipeline import submission_desk as desk
from core.pipeline.submission_blend import find_weights
from core.pipeline.submission_ranking import ranked_files
from core.pipeline.submission_target import dataset_of, target_of_run
from core.runs import Run
from core.runs.store import MANIFEST_FILE, OOF_FILE
from core.submission import host, log
from core.submission.blend_store import list_blends
from core.submission.compare import compare
from tests.rewriting import read_sealed, rehashed, write_sealed

VALUE = "session_value"


@pytest.fixture
def home(finished_home: tuple[Workspace, Run]) -> tuple[Workspace, Run, pl.DataFrame]:
    """The workspace with the demo run, the run, and its submission."""
    workspace, run = finished_home
    return workspace, run, pl.read_csv(run.submission, schema_overrides={"user_session": pl.String})


def write(path: Path, rows: pl.DataFrame) -> str:
    rows.write_csv(path)
    return str(path)


def said(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_run_knows_its_own_file_and_foresees_its_own_score(home, capsys):
    _workspace, run, _ = home
    assert main(["check", str(run.submission), "--run", str(run.folder), "--json"]) == 0
    content = said(capsys)
    expected = run.manifest.scores.metric_scores.expected
    assert content["made_by"] == run.manifest.run_id
    assert content["expected_score"]["value"] == pytest.approx(expected.value)
    assert content["expected_score"]["low"] <= expected.value <= content["expected_score"]["high"]
    assert {check["outcome"] for check in content["checks"]} <= {"passed", "not_applicable"}
    assert set(content["checks"][0]) == {"code", "title", "severity", "outcome", "explanation"}


def test_another_file_gets_its_distance_from_the_run_on_top(home, tmp_path, capsys):
    _workspace, run, ours = home
    constant = write(tmp_path / "constant.csv", ours.with_columns(pl.lit(30.0).alias(VALUE)))
    assert main(["check", constant, "--run", run.manifest.run_id, "--json"]) == 0
    content = said(capsys)
    distance = float(((ours[VALUE] - 30.0) ** 2).mean())
    expected = run.manifest.scores.metric_scores.expected.value
    assert content["expected_score"]["value"] == pytest.approx(expected + distance, rel=0.1)
    outcomes = {check["code"]: check["outcome"] for check in content["checks"]}
    assert outcomes["constant"] == outcomes["distribution"] == "warning"
    assert (content["failed"], content["made_by"]) == (0, None)


def test_a_broken_file_is_repaired_by_the_command_line(home, tmp_path, capsys):
    _, run, _ours = home
    broken, fixed = tmp_path / "broken.csv", tmp_path / "fixed.csv"
    broken.write_text(run.submission.read_text().replace(",", ";").replace(".", ","))
    asked = ["check", str(broken), "--run", run.manifest.run_id, "--json"]
    assert main([*asked, "--repair", str(fixed)]) == 1
    content = said(capsys)
    assert {check["code"] for check in content["checks"] if check["outcome"] == "failed"} == {
        "separator",
        "decimal_mark",
    }
    assert [change["code"] for change in content["changes"]] == ["separator", "decimal_mark"]
    assert fixed.read_bytes() == run.submission.read_bytes()
    assert main([*asked, "--repair", str(fixed)]) == 2
    assert "already exists" in capsys.readouterr().err


def test_the_last_line_says_whether_the_repaired_file_passes(home, tmp_path, capsys):
    _, run, ours = home
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(ours.write_csv().replace(",", ";"))
    bad.write_text("".join(ours.write_csv(separator=";").splitlines(keepends=True)[:-1]))
    checked = []
    for path, passes in ((good, True), (bad, False)):
        for asked in (["--preview-repair"], ["--repair", str(path.with_suffix(".txt"))]):
            capsys.readouterr()
            assert main(["check", str(path), "--run", run.manifest.run_id, *asked]) == 1
            last = capsys.readouterr().out.splitlines()[-1]
            assert (" passes all blocking checks" in last, " still fails 2 blocking checks. " in last) == (
                passes,
                not passes,
            )
        checked.append(main(["check", str(path.with_suffix(".txt")), "--run", run.manifest.run_id]))
    assert checked == [0, 1]


def test_a_repaired_file_has_the_form_of_its_name(home, tmp_path, capsys):
    _, run, _ = home
    broken, own = tmp_path / "broken.csv", run.submission.read_bytes()
    broken.write_bytes(own.replace(b",", b";"))
    asked = ["check", str(broken), "--run", run.manifest.run_id, "--repair"]
    for name in ("a.csv", "a.txt", "a.csv.gz", "a.ZIP"):
        assert main([*asked, str(tmp_path / name)]) == 1
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "a.txt").read_bytes() == own
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == own
    with zipfile.ZipFile(tmp_path / "a.ZIP") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a.csv": own}
    capsys.readouterr()
    for name in ("a.parquet", "a.xlsx", "a.tsv"):
        assert main([*asked, str(tmp_path / name)]) == 2
        assert "a name that ends in .csv, .gz or .zip" in capsys.readouterr().err
    packed = tmp_path / "blend.csv.gz"
    name = run.manifest.run_id
    assert main(["blend", name, name, "--run", name, "--equal", "--out", str(packed)]) == 0
    assert gzip.decompress(packed.read_bytes()) == own


@pytest.mark.parametrize("path", ["/proc/x.csv", "nowhere/x.csv", "broken.csv/x.csv"])
def test_a_repaired_file_that_cannot_be_written_is_refused_before_the_work(home, tmp_path, path, capsys, monkeypatch):
    (tmp_path / "broken.csv").write_text("a\n")
    monkeypatch.setattr(desk, "open_file", None)
    asked = ["check", str(tmp_path / "broken.csv"), "--run", home[1].manifest.run_id]
    assert main([*asked, "--repair", path if path.startswith("/") else str(tmp_path / path)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_person_says_what_the_marks_mean(home, tmp_path, capsys):
    """Whole numbers with points between thousands look like decimals."""
    _, run, ours = home
    thousands = ours[VALUE].round(0).cast(pl.Int64) + 1000
    path, fixed = tmp_path / "points.csv", tmp_path / "fixed.csv"
    ours.with_columns(pl.Series(VALUE, [f"{value:,}".replace(",", ".") for value in thousands])).write_csv(path)
    asked = ["check", str(path), "--run", run.manifest.run_id, "--json"]
    main(asked)
    assert "decimal_mark" not in {check["code"] for check in said(capsys)["checks"] if check["outcome"] == "failed"}
    assert main([*asked, "--marks", "1.234,5", "--repair", str(fixed)]) == 1
    assert "thousands_mark" in {change["code"] for change in said(capsys)["changes"]}
    known = run.table("answers.parquet").collect()["source"] == "known"
    expected = pl.select(pl.when(known).then(ours[VALUE]).otherwise(thousands)).to_series()
    assert pl.read_csv(fixed, infer_schema_length=None)[VALUE].to_list() == expected.to_list()


def test_marks_are_explained_for_one_file_or_for_each(home, tmp_path, capsys):
    """A point separates thousands in one file and decimals in the other. That of the run keeps its decimals."""
    _, run, ours = home
    run_id = run.manifest.run_id
    other = write(tmp_path / "points.csv", ours.with_columns(pl.lit("3.516").alias(VALUE)))
    mean = float(ours[VALUE].mean())
    for marks, expected in (([], 3.516), (["1.234,5"], 3516.0), (["1.234,5", "1,234.5"], 3.516)):
        asked = [run_id, other, "--run", run_id, "--json", *(["--marks", *marks] if marks else [])]
        main(["compare", *asked])
        (pair,) = said(capsys)["pairs"]
        assert pair["difference"] == pytest.approx(expected - mean)
    main(["blend", run_id, other, "--run", run_id, "--json", "--weights", "0", "1", "--marks", "1.234,5"])
    known = run.table("answers.parquet").collect()["source"] == "known"
    blended = pl.read_csv(said(capsys)["submission"])[VALUE]
    assert set(blended.filter(~known)) == {3516.0}


def test_files_of_any_name_are_compared_and_equal_ranges_keep_the_order_of_the_sessions():
    files = {
        "range": np.array([0.0, 5.0, 5.0, 1.0]),
        "user_session": np.array([0.0, 1.0, 9.0, 1.0]),
        "text": np.array([0.0, 3.0, 7.0, 1.5]),
    }
    found = compare(pl.Series("text", ["a", "b", "c", "d"]), files, {}, n_disagreements=3).disagreements
    assert found.rows() == [("b", 4.0, [5.0, 1.0, 3.0]), ("c", 4.0, [5.0, 9.0, 7.0]), ("d", 0.5, [1.0, 1.0, 1.5])]


def test_files_are_compared_as_polars_compares_them(home, tmp_path, capsys):
    _, run, ours = home
    other = ours.with_columns((pl.col(VALUE) * 0.5 + pl.arange(ours.height) % 7).alias(VALUE))
    path = write(tmp_path / "other.csv", other)
    assert main(["compare", run.manifest.run_id, path, "--run", run.manifest.run_id, "--json"]) == 0
    content = said(capsys)
    (pair,) = content["pairs"]
    both = pl.DataFrame({"one": ours[VALUE], "two": other[VALUE]})
    assert pair["correlation"] == pytest.approx(both.select(pl.corr("one", "two")).item())
    assert pair["rank_correlation"] == pytest.approx(both.select(pl.corr("one", "two", method="spearman")).item())
    assert pair["distance"] == pytest.approx(float(((both["one"] - both["two"]) ** 2).mean()) ** 0.5)
    assert pair["difference"] == pytest.approx(float((both["two"] - both["one"]).mean()))
    largest = (both["one"] - both["two"]).abs().max()
    first, *others = content["disagreements"]
    assert first["range"] == pytest.approx(largest)
    assert abs(first["predictions"][0] - first["predictions"][1]) == pytest.approx(largest)
    ranges = [first["range"], *(row["range"] for row in others)]
    assert ranges == sorted(ranges, reverse=True)
    by = {row["by"] for row in content["segments"]}
    assert by == {"decile of the first file", "number of events", "user"}
    users = [row for row in content["segments"] if row["by"] == "user" and row["file"] == "other.csv"]
    assert sum(row["sessions"] for row in users) == ours.height


def test_no_file_hides_another_whose_numbered_name_it_has(home, tmp_path, capsys):
    _, run, ours = home
    paths = []
    for folder, name, factor in (("a", "x.csv", 1.0), ("b", "x.csv", 2.0), ("c", "x.csv (1)", 3.0)):
        (tmp_path / folder).mkdir()
        paths.append(write(tmp_path / folder / name, ours.with_columns(pl.col(VALUE) * factor)))
    assert main(["compare", *paths, "--run", run.manifest.run_id, "--json"]) == 0
    pairs = [(pair["file"], pair["other"]) for pair in said(capsys)["pairs"]]
    names = ["x.csv (1)", "x.csv (2)", "x.csv (1) (3)"]
    assert pairs == [(names[0], names[1]), (names[0], names[2]), (names[1], names[2])]


def test_of_runs_with_equal_files_the_newest_is_the_maker_in_the_ranking_and_on_the_desk(home, tmp_path):
    workspace, run, _ = home
    newer = workspace.runs / f"{run.manifest.run_id}-newer"
    shutil.copytree(run.folder, newer)
    content = read_sealed(newer / MANIFEST_FILE)
    write_sealed(newer / MANIFEST_FILE, content | {"run_id": newer.name, "created": "2100-01-01T00:00:00+00:00"})
    (ranked,) = ranked_files(workspace, run)
    copy = shutil.copy(run.submission, tmp_path / "copy.csv")
    checked = desk.open_file(copy, workspace, target_of_run(workspace, run))
    assert (ranked.made_by, checked.made_by) == (newer.name, newer.name)


def test_out_of_fold_weights_need_sessions_that_all_runs_predicted(home):
    workspace, run, _ = home
    other_folder = workspace.runs / f"{run.manifest.run_id}-other"
    shutil.copytree(run.folder, other_folder)
    content = read_sealed(other_folder / MANIFEST_FILE)
    write_sealed(other_folder / MANIFEST_FILE, content | {"run_id": other_folder.name})
    oof = pl.read_parquet(other_folder / OOF_FILE)
    oof.with_columns(stack=pl.lit(float("nan"))).write_parquet(other_folder / OOF_FILE)
    other = rehashed(Run(other_folder, run.manifest))
    own = desk.open_file(run.submission, workspace, target_of_run(workspace, run), run)
    files = [own, replace(own, made_by=other.manifest.run_id)]
    with pytest.raises(InputError, match="no train session for which all of the runs"):
        find_weights("out_of_fold", files, workspace)


def test_a_file_with_missing_sessions_cannot_be_compared(home, tmp_path, capsys):
    _, run, ours = home
    short = write(tmp_path / "short.csv", ours.head(100))
    assert main(["compare", short, run.manifest.run_id, "--run", run.manifest.run_id]) == 2
    assert f"short.csv has no number for {ours.height - 100:,} of" in capsys.readouterr().err


def test_a_blend_is_stored_with_its_members_checks_and_hash(home, tmp_path, capsys):
    workspace, run, ours = home
    half = write(tmp_path / "half.csv", ours.with_columns(pl.col(VALUE) / 2))
    out = tmp_path / "blend.csv"
    asked = ["blend", run.manifest.run_id, half, "--run", run.manifest.run_id, "--json"]
    assert main([*asked, "--weights", "0.5", "0.8", "--out", str(out)]) == 0
    content = said(capsys)
    known = run.table("answers.parquet").collect()["source"] == "known"
    expected = pl.select(pl.when(known).then(ours[VALUE]).otherwise(ours[VALUE] * 0.9)).to_series()
    assert pl.read_csv(out)[VALUE].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-5)
    (blend,) = list_blends(workspace)
    assert [(member.weight, member.made_by) for member in blend.members] == [(0.5, run.manifest.run_id), (0.8, "")]
    assert blend.submission.read_bytes() == out.read_bytes()
    assert (content["blend"], content["method"], content["failed"]) == (blend.blend, "chosen", 0)
    recorded = {(entry.action, entry.made_by or entry.file, entry.run) for entry in log.entries(workspace)}
    assert recorded == {
        ("blended", blend.blend, run.manifest.run_id),
        ("checked", "half.csv", run.manifest.run_id),
    }
    assert main(["check", blend.blend, "--run", run.manifest.run_id, "--json"]) == 0
    assert said(capsys)["made_by"] == blend.blend


def test_files_are_ranked_by_expected_scores_and_blended_by_those_in_the_log(home, tmp_path, capsys):
    workspace, run, ours = home
    name = run.manifest.run_id
    near = write(tmp_path / "near.csv", ours.with_columns(pl.col(VALUE) * 0.9))
    far = write(tmp_path / "far.csv", ours.with_columns(pl.col(VALUE) * 0.1 + 200))
    broken = tmp_path / "broken.csv"
    broken.write_text(Path(near).read_text().replace(",", ";"))
    empty = write(tmp_path / "short.csv", ours.head(5))
    for path in (far, empty, str(broken), near, far):
        main(["check", path, "--run", name])
    capsys.readouterr()
    assert main(["blend", near, far, "--run", name, "--scores"]) == 2
    assert "The log has no returned score of near.csv and far.csv." in capsys.readouterr().err
    scores = {"near.csv": 640.0, "far.csv": 40_000.0}
    for entry in log.entries(workspace):
        if entry.file in scores:
            assert main(["submissions", "score", entry.entry, "--returned", str(scores[entry.file])]) == 0
    capsys.readouterr()
    assert main(["submissions", "rank", "--run", name, "--json"]) == 0
    files = said(capsys)["files"]
    assert [file["name"] for file in files] == [name, "near.csv", "far.csv", "broken.csv", "short.csv"]
    expected = [file["expected"] for file in files[:3]]
    assert expected[0] == pytest.approx(run.manifest.scores.metric_scores.expected.value)
    assert expected == sorted(expected) and files[3]["expected"] == expected[1]
    assert [file["returned"] for file in files] == [None, 640.0, 40_000.0, None, None]
    assert [(file["place"], bool(file["failed"])) for file in files] == [
        (1, False),
        (2, False),
        (3, False),
        (None, True),
        (None, True),
    ]
    assert main(["blend", near, far, "--run", name, "--scores", "--json"]) == 0
    by_log = said(capsys)["weights"]
    assert main(["blend", near, far, "--run", name, "--scores", "640", "40000", "--json"]) == 0
    assert said(capsys)["weights"] == by_log


@pytest.mark.parametrize("obstacle", ["folder of the copy", "log"])
def test_nothing_of_a_blend_is_left_if_its_copy_or_its_entry_cannot_be_written(home, tmp_path, obstacle, capsys):
    workspace, run, _ = home
    out = tmp_path / "missing" / "blend.csv" if obstacle == "folder of the copy" else tmp_path / "blend.csv"
    if obstacle == "log":
        (workspace.root / "submissions.jsonl").mkdir()
    name = run.manifest.run_id
    assert main(["blend", name, name, "--run", name, "--equal", "--out", str(out)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert list_blends(workspace) == [] and not out.exists()
    assert list(workspace.blends.iterdir()) == []


def test_runs_blends_and_entries_are_named_by_their_first_characters(home, capsys):
    workspace, run, _ = home
    name = run.manifest.run_id
    for _ in range(2):
        assert main(["blend", name[:-1], name[:10], "--run", name[:12], "--equal"]) == 0
    blends = [blend.blend for blend in list_blends(workspace)]
    assert main(["check", blends[0][:-1], "--run", name[:12]]) == 0
    capsys.readouterr()
    assert main(["check", "blend-", "--run", name]) == 2
    error = capsys.readouterr().err
    assert "blend- is the beginning of more than one run or blend id" in error and all(one in error for one in blends)
    first, second = (entry.entry for entry in log.entries(workspace))
    assert main(["submissions", "score", first[:7], "--returned", "600"]) == 0
    assert {entry.entry: entry.returned for entry in log.entries(workspace)} == {first: 600.0, second: None}


def test_a_blend_from_returned_scores_finds_the_best_weights(home, tmp_path, capsys):
    _workspace, run, ours = home
    rng = np.random.default_rng(2)
    truth = ours[VALUE].to_numpy() * rng.lognormal(0, 0.3, ours.height)
    files = [truth * 0.7 + rng.normal(0, 9, ours.height), truth + rng.normal(0, 14, ours.height)]
    files = [np.round(np.maximum(values, 0), 6) for values in files]
    scores = [str(float(np.mean((values - truth) ** 2))) for values in files]
    paths = [
        write(tmp_path / f"{index}.csv", ours.with_columns(pl.Series(VALUE, values)))
        for index, values in enumerate(files)
    ]
    asked = ["blend", *paths, "--run", run.manifest.run_id, "--json", "--scores", *scores]
    assert main([*asked, "--score-of-zeros", str(float(np.mean(truth**2)))]) == 0
    content = said(capsys)
    best = np.linalg.lstsq(np.column_stack(files), truth, rcond=None)[0]
    assert [member["weight"] for member in content["weights"]] == pytest.approx(best.tolist(), abs=1e-4)
    actual = np.mean((np.column_stack(files) @ best - truth) ** 2)
    assert content["score_by_returned_scores"] == pytest.approx(actual, rel=1e-3)


def test_out_of_fold_weights_need_files_of_runs(home, tmp_path, capsys):
    workspace, run, ours = home
    target = target_of_run(workspace, run)
    own = desk.open_file(run.submission, workspace, target, run)
    oof = run.table("oof.parquet").collect().filter(pl.col("stack").is_not_nan())
    best = float((oof["stack"] * oof["value"]).sum() / (oof["stack"] ** 2).sum())
    assert find_weights("out_of_fold", [own], workspace).values == pytest.approx([best])
    other = write(tmp_path / "other.csv", ours)  # other bytes than those of the run
    assert main(["blend", run.manifest.run_id, other, "--run", run.manifest.run_id, "--out-of-fold"]) == 2
    assert "No run of the workspace wrote other.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compare", "a.csv"], "at least two files are needed"),
        (["blend", "a.csv", "b.csv", "--equal", "--score-of-zeros", "3"], "--score-of-zeros needs --scores"),
        (
            ["compare", "a", "b", "c", "--marks", "1.234,5", "1,234.5"],
            "--marks takes one example for all files, or one",
        ),
        (["check", "nothing.csv"], "There is no file at nothing.csv"),
        (["check", "a.csv", "--id-column", "x"], "need --repair or --preview-repair"),
        (["submissions", "submit", "a.csv"], "--competition"),
    ],
)
def test_wrong_use_is_one_sentence(home, arguments, sentence, capsys):
    _, run, _ = home
    assert main([*arguments, "--run", run.manifest.run_id]) == 2
    assert sentence in capsys.readouterr().err


def test_empty_names_are_refused(home, capsys):
    name = home[1].manifest.run_id
    for arguments in (["check", name, "--repair", ""], ["check", " "], ["compare", name, ""]):
        assert main([*arguments, "--run", name]) == 2
        assert "it is empty" in capsys.readouterr().err


def test_files_can_be_recorded_and_their_score_returned(home, tmp_path, capsys):
    workspace, run, _ours = home
    assert main(["submissions"]) == 0
    assert "There is no submission yet." in capsys.readouterr().out
    assert main(["submissions", "record", run.manifest.run_id, "--run", run.manifest.run_id, "--json"]) == 0
    entry = said(capsys)
    assert main(["submissions", "score", entry["entry"][:5], "--returned", "612.5", "--note", "public\npart"]) == 0
    (stored,) = log.entries(workspace)
    assert (stored.returned, stored.note, stored.made_by) == (612.5, "public\npart", run.manifest.run_id)
    capsys.readouterr()
    main(["submissions"])
    assert capsys.readouterr().out.rstrip().endswith("returned 612  public part")
    assert stored.foreseen == pytest.approx(run.manifest.scores.metric_scores.expected.value)
    assert main(["submissions", "score", "zzz", "--returned", "1"]) == 2


def test_the_blend_that_is_named_is_recorded_and_not_an_equal_one(home, capsys):
    workspace, run, _ = home
    name = run.manifest.run_id
    for _ in range(2):
        assert main(["blend", name, name, "--run", name, "--weights", "0.5", "0.4"]) == 0
    blends = list_blends(workspace)
    assert len({blend.sha256 for blend in blends}) == 1
    for blend in blends:
        capsys.readouterr()
        assert main(["submissions", "record", blend.blend, "--run", name, "--json"]) == 0
        assert said(capsys)["made_by"] == blend.blend


def test_a_file_with_a_blocking_failure_needs_an_explicit_word(home, tmp_path, capsys):
    workspace, run, ours = home
    negative = write(tmp_path / "negative.csv", ours.with_columns(pl.col(VALUE) - 1000))
    asked = ["submissions", "record", negative, "--run", run.manifest.run_id]
    assert main(asked) == 2
    assert "1 blocking check of negative.csv failed. No value is negative:" in capsys.readouterr().err
    assert main([*asked, "--all-the-same"]) == 0
    (entry,) = log.entries(workspace)
    assert entry.overridden == ("negative_values",)


def test_damaged_lines_of_the_log_hide_no_others(home):
    workspace, _, _ = home
    first = log.record(workspace, "submitted", file="a.csv", sha256="0")
    with (workspace.root / "submissions.jsonl").open("a") as file:
        file.write('{"entry": 5}\n[]\nnot json\n{"entry": "x", "time": 3}\n' + "[" * 100_000 + "\n")
    second = log.record(workspace, "downloaded", file="b.csv", sha256="1")
    assert {entry.entry for entry in log.entries(workspace)} == {first.entry, second.entry}


def test_a_log_that_is_a_folder_is_one_sentence(workspace):
    (workspace.root / "submissions.jsonl").mkdir(parents=True)
    with pytest.raises(RunError, match="cannot be read"):
        log.entries(workspace)


CLIENT = """#!/usr/bin/env python3
import json, pathlib, sys
store = pathlib.Path(__file__).with_name("store.json")
action, competition, *rest = sys.argv[2:]
if competition == "closed":
    print("400 - Submission not allowed: the competition has ended", file=sys.stderr)
    sys.exit(1)
if action == "submit":
    store.write_text(json.dumps({"message": rest[rest.index("-m") + 1], "polls": 0}))
    print("Successfully submitted")
else:
    state = json.loads(store.read_text())
    state["polls"] += 1
    store.write_text(json.dumps(state))
    done = state["polls"] > 1
    print("fileName,date,description,status,publicScore,privateScore")
    status, score = ("COMPLETE", "601.25") if done else ("PENDING", "")
    print(f"submission.csv,2025-07-01,{state['message']},SubmissionStatus.{status},{score},")
"""


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program with the interface of the host's client, first on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / host.CLIENT
    program.write_text(CLIENT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(host, "_POLL_SECONDS", 0)


def test_a_file_is_handed_in_and_its_score_awaited(home, client, capsys, monkeypatch):
    workspace, run, _ = home
    monkeypatch.setattr(host.time, "sleep", lambda seconds: None)
    asked = ["submissions", "submit", run.manifest.run_id, "--run", run.manifest.run_id, "--json"]
    assert main([*asked, "--competition", "datathon", "--wait"]) == 0
    assert said(capsys)["returned"] == 601.25
    (entry,) = log.entries(workspace)
    assert (entry.action, entry.returned) == ("submitted", 601.25)


def test_a_wait_that_fails_says_that_the_file_was_submitted(home, client, capsys, monkeypatch):
    workspace, run, _ = home

    def no_answer(competition: str, message: str) -> host.Returned:
        raise RunError("kaggle did not answer (TimeoutExpired).", "Try again later.", code="host")

    monkeypatch.setattr(host, "wait_for_score", no_answer)
    asked = ["submissions", "submit", run.manifest.run_id, "--run", run.manifest.run_id, "--competition", "datathon"]
    assert main([*asked, "--wait"]) == 2
    (entry,) = log.entries(workspace)
    assert (entry.action, entry.returned) == ("submitted", None)
    error = capsys.readouterr().err
    assert f"was submitted and recorded as {entry.entry}, but its score is not known" in error
    assert "Do not submit it again" in error
    assert f"submissions score {entry.entry} --returned" in error
    assert main(["submissions", "score", entry.entry, "--returned", "9"]) == 0


def test_the_reason_of_a_refusal_is_shown(home, client, capsys):
    workspace, run, _ = home
    asked = ["submissions", "submit", run.manifest.run_id, "--run", run.manifest.run_id, "--competition", "closed"]
    assert main(asked) == 2
    assert "Submission not allowed: the competition has ended" in capsys.readouterr().err
    assert log.entries(workspace) == []


def test_nothing_is_handed_in_that_the_log_cannot_record(home, client, tmp_path, capsys):
    workspace, run, _ = home
    (workspace.root / "submissions.jsonl").mkdir()
    asked = ["submissions", "submit", run.manifest.run_id, "--run", run.manifest.run_id, "--competition", "datathon"]
    assert main(asked) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert not (tmp_path / "bin" / "store.json").exists()


def test_without_the_client_nothing_is_handed_in(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingError, match="is not installed"):
        host.submit(Path("a.csv"), "datathon", "m")


def test_a_run_whose_dataset_was_deleted_cannot_check(home, capsys):
    workspace, run, _ = home
    assert dataset_of(workspace, run).fingerprint == run.manifest.dataset
    assert main(["datasets", "delete", run.manifest.dataset, "--yes"]) == 0
    capsys.readouterr()
    assert main(["check", str(run.submission), "--run", run.manifest.run_id]) == 2
    assert "There is no dataset named" in capsys.readouterr().err


def known_session(run: Run) -> str:
    answers = run.table("answers.parquet").filter(pl.col("source") == "known").collect()
    assert answers.height > 0
    return str(answers["user_session"][0])


def test_sessions_known_from_train_are_checked_repaired_and_kept_in_blends(home, tmp_path, capsys):
    _, run, ours = home
    session = known_session(run)
    value = float(ours.filter(pl.col("user_session") == session)[VALUE][0])
    wrong = ours.with_columns(pl.when(pl.col("user_session") == session).then(999.0).otherwise(VALUE).alias(VALUE))
    path, fixed = write(tmp_path / "wrong.csv", wrong), tmp_path / "fixed.csv"
    assert main(["check", path, "--run", run.manifest.run_id, "--repair", str(fixed), "--json"]) == 0
    content = said(capsys)
    assert {check["code"] for check in content["checks"] if check["outcome"] == "warning"} == {"known_values"}
    assert pl.read_csv(fixed, schema_overrides={"user_session": pl.String}).equals(ours)
    distance = (999.0 - value) ** 2 / ours.height
    expected = run.manifest.scores.metric_scores.expected.value
    assert content["expected_score"]["value"] == pytest.approx(expected + distance)
    assert (
        main(["blend", path, run.manifest.run_id, "--run", run.manifest.run_id, "--weights", "0.5", "0.2", "--json"])
        == 0
    )
    blended = pl.read_csv(said(capsys)["submission"], schema_overrides={"user_session": pl.String})
    assert blended.filter(pl.col("user_session") == session)[VALUE][0] == pytest.approx(value, abs=1e-6)


def test_a_file_without_a_column_of_values_has_no_expected_score(home, tmp_path, capsys):
    _, run, ours = home
    path, fixed = write(tmp_path / "named.csv", ours.rename({VALUE: "prediction"})), tmp_path / "fixed.csv"
    assert main(["check", path, "--run", run.manifest.run_id, "--repair", str(fixed), "--json"]) == 1
    content = said(capsys)
    assert content["expected_score"] is None
    assert {check["code"] for check in content["checks"] if check["outcome"] == "failed"} == {"columns"}
    assert pl.read_csv(fixed, schema_overrides={"user_session": pl.String}).equals(ours)


@pytest.mark.parametrize("score", ["nan", "inf", "-5"])
def test_a_returned_score_is_a_finite_number_of_0_or_more(home, score, capsys):
    workspace, run, _ = home
    asked = ["submissions", "record", run.manifest.run_id, "--run", run.manifest.run_id, f"--returned={score}"]
    assert main(asked) == 2
    assert "cannot be used. A score is a number of 0 or more." in capsys.readouterr().err
    assert log.entries(workspace) == []


def test_scores_that_contradict_each_other_are_refused(home, tmp_path, capsys):
    workspace, run, ours = home
    other = write(tmp_path / "other.csv", ours.with_columns(pl.col(VALUE) * 0.9))
    asked = ["blend", run.manifest.run_id, other, "--run", run.manifest.run_id, "--scores", "600", "610"]
    assert main([*asked, "--score-of-zeros", "10"]) == 2
    assert "contradict each other" in capsys.readouterr().err
    assert main([*asked, "--score-of-zeros", "nan"]) == 2
    assert "The score nan cannot be used." in capsys.readouterr().err
    assert list_blends(workspace) == []


def test_changed_files_of_runs_and_blends_are_refused_by_their_id(home, capsys):
    workspace, run, _ = home
    name = run.manifest.run_id
    assert main(["blend", name, name, "--run", name, "--weights", "0.5", "0.4"]) == 0
    (blend,) = list_blends(workspace)
    for path, asked in ((blend.submission, blend.blend), (run.submission, name)):
        path.write_text(path.read_text().replace("1", "2"))
        capsys.readouterr()
        assert main(["check", asked, "--run", name]) == 2
        assert "submission.csv changed" in capsys.readouterr().err


def test_any_text_and_a_torn_line_leave_the_log_readable(home):
    workspace, _, _ = home
    with (workspace.root / "submissions.jsonl").open("a") as file:
        file.write('{"entry": "torn", "time": "2025')
    notes = ["a\u2028b", "x" * 3_000, "\udc80"]
    made = [log.record(workspace, "submitted", file="f\udc80.csv", sha256="0", note=note) for note in notes]
    found = log.entries(workspace)
    assert [entry.entry for entry in found] == [entry.entry for entry in reversed(made)]
    assert all(len(entry.note) <= 1_000 for entry in found)


def test_values_beyond_all_reason_have_no_expected_score(home, tmp_path, capsys):
    _, run, ours = home
    path = write(tmp_path / "huge.csv", ours.with_columns(pl.lit(1e300).alias(VALUE)))
    assert main(["check", path, "--run", run.manifest.run_id, "--json"]) == 1
    assert said(capsys)["expected_score"] is None
    assert main(["compare", path, run.manifest.run_id, "--run", run.manifest.run_id]) == 2
    assert "huge.csv has a value above" in capsys.readouterr().err


def test_an_unreadable_file_is_checked_and_not_repaired_or_recorded(home, tmp_path, capsys):
    _, run, _ = home
    empty = tmp_path / "empty.csv"
    empty.touch()
    assert main(["check", str(empty), "--run", run.manifest.run_id, "--repair", str(tmp_path / "out.csv")]) == 1
    out = capsys.readouterr().out
    assert "Expected score: The file cannot be read." in out
    assert "empty.csv cannot be repaired, because it cannot be read." in out
    assert main(["submissions", "record", str(empty), "--run", run.manifest.run_id, "--all-the-same"]) == 2


def test_a_file_of_a_terabyte_is_refused_without_reading_it(home, tmp_path):
    workspace, run, _ = home
    path = tmp_path / "huge.csv"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    file = desk.open_file(path, workspace, target_of_run(workspace, run), run)
    assert (file.sha256, file.case.read_error is None) == ("", False)
