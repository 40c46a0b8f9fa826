"""The run store: damaged runs are refused without affecting others; runs are verified, compared, named and deleted."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from syrupy.assertion import SnapshotAssertion

from core.base.workspace import Workspace
from core.check_result import CheckResult
from core.cli import main
from core.config import RunConfig
from core.errors import RunError
from core.features import feature_catalogue
from core.ingestion import InputFiles, ingest
from core.pipeline.first_run import demo_dataset
from core.pipeline.run import run as run_pipeline
from core.pipeline.verify import verify_run
from core.runs import Note, Run, compare_runs, delete_run, find_run, list_runs, load_run
from core.runs.compare import Paired
from core.runs.manifest import VERSION
from core.runs.store import FEATURES_FILE, MANIFEST_FILE, OOF_FILE, PREDICTIONS_FILE, SUBMISSION_FILE, find_damage
from core.schema import STACK, UNIT, USER, VALUE
from tests.conftest import DEMO
from tests.rewriting import read_sealed, rehashed, write_sealed

Home = tuple[Workspace, Run]


@pytest.fixture
def twin(finished_home: Home) -> Run:
    """A copy of the finished run under another id."""
    workspace, run = finished_home
    folder = workspace.runs / "20200101-000000-twin"
    shutil.copytree(run.folder, folder)
    write_sealed(folder / MANIFEST_FILE, read_sealed(folder / MANIFEST_FILE) | {"run_id": folder.name})
    return load_run(folder)


def outcomes(results: list[CheckResult]) -> dict[str, str]:
    return {result.code: result.outcome for result in results}


def with_manifest(run: Run, **changes: object) -> Path:
    path = run.folder / MANIFEST_FILE
    write_sealed(path, read_sealed(path) | changes)
    return run.folder


def output_of(capsys: pytest.CaptureFixture[str]) -> tuple[dict, str]:
    """The JSON object in the last line, and the error stream."""
    output = capsys.readouterr()
    return json.loads(output.out.splitlines()[-1]), output.err


# --- damage -----------------------------------------------------------------------------------------------------------


def test_an_unchanged_run_is_verified_and_its_models_reproduce_the_predictions(
    finished_home: Home, snapshot: SnapshotAssertion
) -> None:
    _workspace, run = finished_home
    results = verify_run(run)
    assert outcomes(results) == {"files": "passed", "versions": "passed", "predictions": "passed"}
    assert "0.0e+00" in results[2].explanation
    assert [result.record() for result in results] == snapshot


def test_verification_does_not_depend_on_the_source_of_the_program(
    finished_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    _workspace, run = finished_home
    other = load_run(with_manifest(run, program="0" * len(run.manifest.program)))
    monkeypatch.setattr("core.base.checkpoint.source_digest", lambda: "f" * 64)
    assert outcomes(verify_run(other))["predictions"] == "passed"


@pytest.mark.parametrize(
    "name", ["submission.csv", "oof.parquet", "model/learners/lightgbm-fold0.txt", "model/model.json"]
)
def test_one_changed_byte_fails_verification(finished_home: Home, twin: Run, name: str) -> None:
    _, run = finished_home
    content = bytearray((run.folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run.folder / name).write_bytes(content)
    assert find_damage(run).changed == (name,)
    results = verify_run(run)
    assert outcomes(results)["files"] == "failed"
    assert name in results[0].explanation
    assert outcomes(verify_run(twin))["files"] == "passed"


def test_a_missing_file_fails_verification_and_an_added_one_is_reported(finished_home: Home, twin: Run) -> None:
    _, run = finished_home
    (run.folder / "folds.parquet").unlink()
    (run.folder / "extra.txt").write_text("hello")
    assert (find_damage(run).missing, find_damage(run).added) == (("folds.parquet",), ("extra.txt",))
    assert outcomes(verify_run(run))["files"] == "failed"
    assert outcomes(verify_run(twin))["files"] == "passed"


def test_a_newer_version_is_refused(finished_home: Home, twin: Run) -> None:
    workspace, run = finished_home
    folder = with_manifest(run, version=VERSION + 1)
    with pytest.raises(RunError) as caught:
        load_run(folder)
    assert (caught.value.code, caught.value.actual, caught.value.allowed) == ("other_run_version", VERSION + 1, VERSION)
    assert str(folder) in str(caught.value)
    assert [run.manifest.run_id for run in list_runs(workspace)] == [twin.manifest.run_id]


def test_the_beginning_of_an_id_does_not_choose_between_copies_of_a_run(finished_home: Home, twin: Run) -> None:
    workspace, run = finished_home
    run_id = run.manifest.run_id
    beginning = run_id[:-1]
    assert find_run(workspace, beginning).folder == run.folder
    copy = shutil.copytree(run.folder, workspace.runs / "copy")
    with pytest.raises(RunError) as caught:
        find_run(workspace, beginning)
    assert (caught.value.code, caught.value.allowed) == ("copied_run", sorted([copy, run.folder]))
    assert [find_run(workspace, name).folder for name in (run_id, "copy")] == [run.folder, copy]


@pytest.mark.parametrize("path", ["../outside.txt", "/etc/passwd", "model/../../x", "..\\x", "C:x"])
def test_a_path_outside_the_folder_is_refused(finished_home: Home, twin: Run, path: str) -> None:
    workspace, run = finished_home
    folder = with_manifest(run, sha256={path: "0" * 64})
    with pytest.raises(RunError) as caught:
        load_run(folder)
    assert caught.value.code == "damaged_run"
    assert str(caught.value.actual).startswith("manifest.json: sha256: ")
    assert str(caught.value.actual).endswith(f"{path} is a path outside the run folder")
    assert [run.manifest.run_id for run in list_runs(workspace)] == [twin.manifest.run_id]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"version": 1}', b'{"version": "x"}'])
def test_an_invalid_manifest_is_refused(finished_home: Home, twin: Run, content: bytes) -> None:
    workspace, run = finished_home
    (run.folder / MANIFEST_FILE).write_bytes(content)
    with pytest.raises(RunError) as caught:
        load_run(run.folder)
    assert caught.value.code == ("other_run_version" if b'"x"' in content else "damaged_run")
    assert [run.manifest.run_id for run in list_runs(workspace)] == [twin.manifest.run_id]


def scale_predictions(file: str, by: float) -> Callable[[Path], None]:
    """Multiply the predictions of XGBoost that are stored in a table of the run."""

    def change(folder: Path) -> None:
        pl.read_parquet(folder / file).with_columns(pl.col("xgboost") * by).write_parquet(folder / file)

    return change


def reverse_leaves(folder: Path) -> None:
    """Reverse the leaf values of the first tree; LightGBM stores the length of a tree, which must not change."""
    path = folder / "model" / "learners" / "lightgbm-fold0.txt"
    before, leaves, after = re.split(r"(?<=\nleaf_value=)(.*)", path.read_text(), maxsplit=1)
    path.write_text(f"{before}{' '.join(reversed(leaves.split()))}{after}")


def spoil_a_model(folder: Path) -> None:
    (folder / "model" / "learners" / "xgboost-fold1.ubj").write_bytes(b"no model")


def test_features_that_no_longer_exist_are_counted_without_own_columns(finished_home: Home) -> None:
    _, run = finished_home
    features = [*run.records(FEATURES_FILE), {"name": "gone"}, {"name": "own_price"}]
    (run.folder / FEATURES_FILE).write_text(json.dumps(features))
    reason = verify_run(rehashed(run))[2].explanation
    assert f"1 of its {len(features) - 1} features no longer exist, and 0 are new." in reason


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (scale_predictions(OOF_FILE, 1.01), "XGBoost"),
        (scale_predictions(PREDICTIONS_FILE, 1.01), "XGBoost"),
        (reverse_leaves, "LightGBM"),
        (spoil_a_model, "is damaged"),
    ],
    ids=["out-of-fold predictions", "test predictions", "leaves of a model", "an unreadable model"],
)
def test_altered_predictions_or_models_fail_even_if_the_hashes_match(
    finished_home: Home, change: Callable[[Path], None], detail: str
) -> None:
    _workspace, run = finished_home
    change(run.folder)
    results = verify_run(rehashed(run))
    assert outcomes(results) == {"files": "passed", "versions": "passed", "predictions": "failed"}
    assert detail in results[2].explanation


def test_other_library_versions_are_reported_and_allow_for_rounding(
    finished_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    _workspace, run = finished_home
    scale_predictions(OOF_FILE, 1 + 1e-7)(run.folder)
    run = rehashed(run)
    assert outcomes(verify_run(run))["predictions"] == "failed"
    monkeypatch.setattr("core.pipeline.verify.versions", lambda: run.manifest.versions | {"numpy": "1.0"})
    results = verify_run(run)
    assert outcomes(results) == {"files": "passed", "versions": "not_applicable", "predictions": "passed"}
    assert f"numpy {run.manifest.versions['numpy']} (installed: 1.0)" in results[1].explanation


def test_predictions_are_checked_without_the_dataset(finished_home: Home) -> None:
    workspace, run = finished_home
    shutil.rmtree(workspace.datasets)
    assert outcomes(verify_run(run))["predictions"] == "passed"


def test_predictions_are_not_checked_if_this_version_has_other_features(
    finished_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = finished_home
    monkeypatch.setattr(
        "core.pipeline.verify.feature_catalogue", lambda features: feature_catalogue(features=features)[1:]
    )
    other = verify_run(run)
    assert outcomes(other)["predictions"] == "not_applicable"
    assert f"1 of its {len(feature_catalogue(features='lean'))}" in other[2].explanation


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(preset="standard", trials=1, folds=2, learners=("lightgbm", "catboost"), metric="mae"),
        RunConfig(preset="standard", trials=2, folds=2, learners=("xgboost",), metric="rmsle", history="all_rows"),
        RunConfig(
            folds=3,
            learners=("lightgbm", "xgboost"),
            fold_kind="forward",
            split_composite_sessions=False,
            use_known_values=False,
        ),
    ],
    ids=["two learners, mae", "one learner, rmsle", "forward"],
)
def test_runs_of_all_kinds_are_verified(small_files: InputFiles, workspace: Workspace, config: RunConfig) -> None:
    dataset = ingest(small_files, workspace)
    run = run_pipeline(dataset, config, workspace)
    assert set(run.manifest.scores.learners) == set(config.learners)
    assert outcomes(verify_run(run))["predictions"] == "passed"


STORED = sorted((Path(__file__).parent / "stored_runs").glob("*.zip"))


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.stem)
def test_runs_of_earlier_programs_stay_readable(
    stored: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each was written by the program of its time. A new version of the folder adds one."""
    folder = workspace.runs / stored.stem
    with zipfile.ZipFile(stored) as archive:
        archive.extractall(folder)
    (run,) = list_runs(workspace)
    assert f"version-{run.manifest.version}-" in stored.name
    has_same_features = [record["name"] for record in run.records(FEATURES_FILE)] == [
        entry.feature.name for entry in feature_catalogue(features=run.manifest.config.features)
    ]
    is_usable = run.manifest.version == VERSION and has_same_features
    results = outcomes(verify_run(run))
    assert (results["files"], results["predictions"]) == ("passed", "passed" if is_usable else "not_applicable")
    events = ["score", "--run", str(folder), "--events", str(DEMO / "test.csv"), "--json"]
    assert main(events) == (0 if run.manifest.version == VERSION else 2)
    assert output_of(capsys)[0].get("code") == (None if run.manifest.version == VERSION else "no_model")
    assert compare_runs(run, run, None).paired is not None
    assert pl.read_csv(run.submission).height == run.manifest.sessions.test
    assert main(["runs", "show", str(folder), "--json"]) == 0
    assert main(["runs", "list", "--json"]) == 0
    (summary,) = output_of(capsys)[0]["runs"]
    assert summary["expected_test_score"]["value"] > 0


def test_the_current_version_has_a_stored_run() -> None:
    assert any(path.stem.startswith(f"version-{VERSION}") for path in STORED)


# --- comparing --------------------------------------------------------------------------------------------------------


def test_a_run_does_not_differ_from_its_copy(finished_home: Home, twin: Run) -> None:
    _, run = finished_home
    comparison = compare_runs(run, twin, None)
    assert comparison.same_dataset
    assert (comparison.settings, comparison.versions, comparison.features) == ({}, {}, ([], []))
    assert comparison.paired is not None
    assert (comparison.paired.difference, comparison.paired.p) == (0.0, 1.0)
    assert list(comparison.folds) == ["lightgbm", "xgboost", "catboost", "linear", STACK]


def test_scores_by_fold_are_left_out_with_a_reason_if_the_folds_differ(
    finished_home: Home, twin: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = finished_home
    manifest = read_sealed(twin.folder / MANIFEST_FILE)
    manifest["config"]["seed"] += 1
    write_sealed(twin.folder / MANIFEST_FILE, manifest)
    assert main(["runs", "compare", run.manifest.run_id, twin.manifest.run_id]) == 0
    words = capsys.readouterr().out
    assert "The folds differ, so scores by fold cannot be compared." in words
    assert "MSE by fold" not in words


def shifted(run: Run, by: float) -> Run:
    """The run with each prediction further from the truth by so many value units."""
    oof = pl.read_parquet(run.folder / OOF_FILE)
    away = pl.when(pl.col(STACK) > pl.col(VALUE)).then(by).otherwise(-by)
    oof.with_columns(pl.col(STACK) + away).write_parquet(run.folder / OOF_FILE)
    return rehashed(run)


def test_a_worse_run_is_significantly_worse(finished_home: Home, twin: Run) -> None:
    workspace, run = finished_home
    users = demo_dataset(workspace).units().select(UNIT, USER).collect()
    worse = compare_runs(run, shifted(twin, 3.0), users).paired
    assert worse is not None
    oof = pl.read_parquet(run.folder / OOF_FILE)
    before = (oof[STACK] - oof[VALUE]).abs().to_numpy()
    assert worse.difference == pytest.approx(float(np.mean((before + 3) ** 2 - before**2)))
    assert worse.first == pytest.approx(float(np.mean(before**2)))
    assert worse.low > 0
    assert worse.p is not None
    assert worse.p < 0.001
    assert worse.users < worse.sessions
    assert "worse" in worse.describe()


def test_small_noise_is_not_significant(finished_home: Home, twin: Run) -> None:
    _, run = finished_home
    oof = pl.read_parquet(twin.folder / OOF_FILE)
    noise = np.random.default_rng(0).normal(scale=0.3, size=oof.height)
    residual = (oof[VALUE] - oof[STACK]).to_numpy()
    noise -= residual * (noise @ residual) / (residual @ residual)  # so that it helps no more than it harms
    oof.with_columns(pl.col(STACK) + noise).write_parquet(twin.folder / OOF_FILE)
    paired = compare_runs(run, rehashed(twin), None).paired
    assert isinstance(paired, Paired)
    assert paired.low < 0 < paired.high
    assert "do not differ significantly" in paired.describe()


def test_scores_on_different_data_are_not_compared(finished_home: Home, twin: Run) -> None:
    _, run = finished_home
    other = Run(twin.folder, twin.manifest.model_copy(update={"dataset": "0" * 64}))
    comparison = compare_runs(run, other, None)
    assert (comparison.same_dataset, comparison.paired, comparison.folds) == (False, None, {})


def test_scores_by_fold_are_compared_only_on_the_same_folds(finished_home: Home, twin: Run) -> None:
    _, run = finished_home
    other = twin.manifest.model_copy(update={"config": RunConfig(seed=8)})
    comparison = compare_runs(run, Run(twin.folder, other), None)
    assert comparison.settings == {"seed": (7, 8)}
    assert comparison.folds == {}


# --- notes, deletion --------------------------------------------------------------------------------------------------


def test_a_note_is_stored_and_does_not_count_as_damage(finished_home: Home) -> None:
    workspace, run = finished_home
    run.save_note(Note.checked(" The first ", "with all defaults"))
    again = find_run(workspace, run.manifest.run_id)
    assert again.note == Note(name="The first", text="with all defaults")
    assert find_damage(again) == dataclasses.replace(find_damage(again), changed=(), missing=(), added=())
    assert outcomes(verify_run(again))["files"] == "passed"


@pytest.mark.parametrize(("name", "text", "field"), [("x" * 81, "", "name"), ("", "x" * 4_001, "text")])
def test_a_note_that_is_too_long_is_refused(name: str, text: str, field: str) -> None:
    with pytest.raises(RunError) as caught:
        Note.checked(name, text)
    assert (caught.value.code, caught.value.allowed) == ("note_too_long", {"name": 80, "text": 4_000})
    assert str(caught.value.actual).startswith(f"{field}: ")


def test_an_unreadable_note_is_empty(finished_home: Home) -> None:
    _, run = finished_home
    (run.folder / "note.json").write_text("{")
    assert run.note == Note()


def test_an_unreadable_run_is_listed_and_can_be_deleted(
    finished_home: Home, twin: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = finished_home
    folder, name = with_manifest(run, version=VERSION + 1), run.manifest.run_id
    with pytest.raises(RunError) as caught:
        load_run(folder)
    assert main(["runs", "list"]) == 0
    assert str(caught.value) in capsys.readouterr().out
    for arguments in (["show", name], ["verify", name], ["compare", name, twin.manifest.run_id]):
        assert main(["runs", *arguments, "--json"]) == 2
        assert output_of(capsys)[0]["code"] == "other_run_version"
    assert main(["runs", "delete", name, "--json"]) == 2
    assert output_of(capsys)[0]["code"] == "deletion_not_confirmed"
    assert main(["runs", "delete", name, "--yes"]) == 0
    assert not folder.exists()
    assert twin.folder.exists()


def test_damage_is_reported_when_a_run_is_shown(
    finished_home: Home, twin: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = finished_home
    model = next((run.folder / "model" / "learners").iterdir())
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    for action in (["show", run.manifest.run_id], ["compare", twin.manifest.run_id, run.manifest.run_id]):
        assert main(["runs", *action]) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert first == str(RunError.damaged(run.folder, f"model/learners/{model.name} changed"))


@pytest.mark.parametrize("name", ["..", ".", "../runs", ".hidden", "\0"])
def test_names_that_are_no_run_are_refused(finished_home: Home, name: str) -> None:
    with pytest.raises(RunError) as caught:
        find_run(finished_home[0], name)
    assert (caught.value.code, caught.value.allowed) == ("unknown_run", [finished_home[1].manifest.run_id])


@pytest.mark.parametrize(
    "manifest",
    ['{"manifest_version": 3, "name": "an extension"}', '{"name": "a web app", "run_id": "x"}', "[]", "{", "\x00"],
)
@pytest.mark.parametrize("name", ["the path", "."])
def test_a_folder_with_the_manifest_of_another_program_is_not_deleted(
    *,
    manifest: str,
    name: str,
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "extension"
    folder.mkdir()
    (folder / MANIFEST_FILE).write_text(manifest)
    monkeypatch.chdir(folder)
    assert main(["runs", "delete", "." if name == "." else str(folder), "--yes", "--json"]) == 2
    result, sentence = output_of(capsys)
    assert result["code"] == "not_a_run"
    assert str(folder) in sentence
    assert (folder / MANIFEST_FILE).read_text() == manifest


@pytest.mark.parametrize("name", ["the path", "."])
@pytest.mark.parametrize("version", [VERSION, VERSION + 1])
def test_a_run_outside_the_workspace_can_be_deleted_in_any_version(
    *,
    name: str,
    version: int,
    finished_home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(shutil.move(with_manifest(finished_home[1], version=version), tmp_path / "elsewhere"))
    monkeypatch.chdir(folder if name == "." else tmp_path)
    assert main(["runs", "delete", "." if name == "." else "elsewhere", "--yes"]) == 0
    assert capsys.readouterr().out == f"{folder} was deleted.\n"
    assert not folder.exists()


def test_a_run_with_an_invalid_manifest_can_be_deleted(finished_home: Home) -> None:
    workspace, run = finished_home
    (run.folder / MANIFEST_FILE).write_text("{")
    assert main(["runs", "delete", run.manifest.run_id, "--yes"]) == 0
    assert list(workspace.runs.iterdir()) == []


def test_deleting_a_run_leaves_the_others(finished_home: Home, twin: Run) -> None:
    workspace, run = finished_home
    delete_run(run.folder)
    assert not run.folder.exists()
    assert [run.manifest.run_id for run in list_runs(workspace)] == [twin.manifest.run_id]
    assert sorted(path.name for path in workspace.runs.iterdir()) == [twin.folder.name]


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_command_line_verifies_compares_names_and_deletes_runs(
    finished_home: Home, twin: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = finished_home
    one, other = run.manifest.run_id, twin.manifest.run_id
    assert main(["runs", "verify", one, "--json"]) == 0
    assert output_of(capsys)[0]["whole"] is True
    assert main(["runs", "compare", one, other, "--json"]) == 0
    assert output_of(capsys)[0]["paired"]["p"] == 1.0
    assert main(["runs", "note", one, "--name", "first", "--json"]) == 0
    assert output_of(capsys)[0]["name"] == "first"
    assert main(["runs", "note", one, "--text", "more", "--json"]) == 0
    assert output_of(capsys)[0]["name"] == "first"
    assert main(["runs", "delete", one, "--json"]) == 2
    assert output_of(capsys)[0]["code"] == "deletion_not_confirmed"
    assert run.folder.is_dir()
    (twin.folder / SUBMISSION_FILE).write_text("")
    assert main(["runs", "verify", other, "--json"]) == 1
    assert output_of(capsys)[0]["whole"] is False
    assert main(["runs", "delete", one, "--yes", "--json"]) == 0
    assert not run.folder.exists()
    capsys.readouterr()
    assert main(["runs", "compare", other, "--json"]) == 2
    assert output_of(capsys)[1].startswith("OTHER")
