"""Damage every file of a workspace in turn, and see what each verb and each page then shows.

    python -m tests.tampering HOME [PATTERN CHANGE]...

HOME is a workspace made by `prepare`. For each pair, one JSON object is printed: the problems that were found. Without
pairs, all are tried. Each pair is tried on a copy in a forked process, which is killed if it hangs. This module must
not use Polars before it forks, because threads do not survive a fork.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core.audit import audit
from core.base.progress import Progress, ProgressUpdate
from core.base.workspace import Workspace
from core.cli import main as command_line
from core.config import RunConfig
from core.dataset import Dataset
from core.demo import write_demo
from core.ingestion import InputFiles, ingest
from core.ingestion.sources.uploads import keep_upload
from core.jobs import Jobs, foreground_job
from core.pipeline.run import run as run_pipeline
from core.pipeline.steps import steps
from core.runs import Note
from pages._ui import frame
from tests.quick_pages import quicken
from tests.rewriting import read_sealed, write_sealed

PROJECT = Path(__file__).resolve().parent.parent
PAGES = ("app.py", *(f"pages/{path.name}" for path in sorted((PROJECT / "pages").glob("[0-9]*.py"))))
SECONDS_PER_ITEM = 60.0
"""Far more than any verb or page needs on the small dataset, even on a busy machine."""
SECONDS_PER_CHANGE = 300.0
_SPARSE_BYTES = 1 << 40
_SIZE = re.compile(r" *[\d.]+ [kMGT]?B\b")
"""Sizes on disk are no figures of the data, and every change changes them."""
MARKS = (
    "is damaged",
    "are damaged",
    "cannot be used",
    "cannot be opened",
    "cannot be read",
    "have changed",
    "was not found",
    "is not in this workspace",
    "There is no ",
    "FAILED",
)
"""What marks a verb's output or a page as not showing what it usually shows."""


def replaced_by_link(path: Path) -> None:
    """The content moves elsewhere, with another figure in it, and a link leads there."""
    target = path.parent.parent / f"elsewhere-{path.name}"
    path.rename(target)
    flipped(target)
    path.symlink_to(target)


def replaced_by_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def replaced_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replaced_by_folder(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def replaced_by_deep_json(path: Path) -> None:
    path.write_text("[" * 200_000 + "]" * 200_000)


def flipped(path: Path) -> None:
    """Some bytes change; in a text, some digits, so that it can still be parsed."""
    content = bytearray(path.read_bytes())
    digits = [place for place, byte in enumerate(content) if chr(byte).isdigit() and byte != ord("9")]
    is_text = content[:1] in b'{[\n "#' or path.suffix in {".csv", ".txt", ".log"}
    places = digits[len(digits) // 5 :: max(len(digits) // 7, 1)] if is_text else range(9, len(content), 97)
    for place in places:
        content[place] = content[place] + 1 if is_text else content[place] ^ 0x15
    path.write_bytes(content)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def huge(path: Path) -> None:
    os.truncate(path, _SPARSE_BYTES)


CHANGES: dict[str, Callable[[Path], None]] = {
    "link": replaced_by_link,
    "device": replaced_by_device,
    "pipe": replaced_by_pipe,
    "folder": replaced_by_folder,
    "deep JSON": replaced_by_deep_json,
    "flipped": flipped,
    "emptied": emptied,
    "huge": huge,
}
FILES = (
    "datasets/*/card.json",
    "datasets/*/sha256.json",
    "datasets/*/audit.json",
    "datasets/*/mapping.toml",
    "datasets/*/train.parquet",
    "datasets/*/test.parquet",
    "datasets/*/untrained.parquet",
    "datasets/*/units.parquet",
    "datasets/*/order.parquet",
    "datasets/*/quarantine.parquet",
    "datasets/*/dictionary_product_id.parquet",
    "runs/2*/manifest.json",
    "runs/2*/note.json",
    "runs/2*/oof.parquet",
    "runs/2*/answers.parquet",
    "runs/2*/folds.parquet",
    "runs/2*/predictions.parquet",
    "runs/2*/coverage.parquet",
    "runs/2*/search.parquet",
    "runs/2*/certificate.json",
    "runs/2*/checks.json",
    "runs/2*/features.json",
    "runs/2*/submission.csv",
    "runs/2*/importance/importance.parquet",
    "runs/2*/importance/effects.parquet",
    "runs/2*/importance/prices.parquet",
    "runs/2*/importance/cells.parquet",
    "runs/2*/importance/curves.parquet",
    "runs/2*/importance/methods.parquet",
    "runs/2*/importance/sessions.parquet",
    "runs/2*/model/model.json",
    "runs/2*/model/mapping.toml",
    "runs/2*/model/history/events.parquet",
    "runs/2*/model/history/units.parquet",
    "runs/2*/model/history/user_id.parquet",
    "runs/2*/model/intervals/calibration.npz",
    "runs/2*/model/intervals/error_size.txt",
    "runs/2*/model/learned/groups.parquet",
    "runs/2*/model/learned/items.parquet",
    "runs/2*/model/learned/sessions.npz",
    "runs/2*/model/learned/fold0.npz",
    "runs/2*/model/learners/lightgbm-fold0.txt",
    "jobs.sqlite",
    "logs/*.log",
    "synthetic.txt",
    "mappings/mine.toml",
    "uploads/*/train/*",
)
WITHOUT_FIGURES = ("runs/2*/note.json", "logs/*.log", "uploads/*/train/*")
"""Files that people or programs write, which are shown as they are: a note, a log, and the names of uploaded files."""
CHECKPOINT_FILES = (
    "unfinished/*/owner",
    "unfinished/*/seconds",
    "unfinished/*/timings.json",
    "unfinished/*/features/sha256.json",
    "unfinished/*/features/*.arrow",
    "studies/*/owner",
    "studies/*/search.journal",
    "studies/*/*.npy",
)
CONFIG = RunConfig(preset="standard", trials=2, folds=2, learners=("lightgbm",))


def prepare(root: Path, config: RunConfig = CONFIG) -> Path:
    """Make a workspace with a dataset, two runs, an ended job, an upload, and a mapping.

    If the configuration tunes, also make one with the checkpoints of an interrupted run next to it.
    """
    files, workspace = root / "files", Workspace(root / "home")
    write_demo(files, sessions=300, seed=3)
    dataset = ingest(InputFiles(files / "train.csv", files / "test.csv"), workspace)
    with foreground_job(workspace, dataset, config) as (job, _):
        run = run_pipeline(dataset, config, workspace)
        Jobs(workspace).end(job.id, "done", run_id=run.manifest.run_id)
    (workspace.logs / f"{job.id}.log").write_text("the only line of the log 12\n")
    run.save_note(Note(name="The first", text="of 2"))
    twin = workspace.runs / "10200101-000000-twin"  # its name begins otherwise, so that it stays whole
    shutil.copytree(run.folder, twin)
    manifest = read_sealed(twin / "manifest.json")
    write_sealed(twin / "manifest.json", manifest | {"run_id": twin.name, "created": "2020-01-01T00:00:00+00:00"})
    with (files / "train.csv").open("rb") as upload:
        keep_upload(workspace, {"train": upload})  # type: ignore[dict-item]  # a file is an upload with a longer name
    (workspace.mappings / "mine.toml").write_text('name = "mine"\n')
    (workspace.root / "synthetic.txt").write_text("0" * 64 + "\n")
    if config.tunes:
        shutil.copytree(workspace.root, root / "checkpoints")
        _interrupt_a_run(Workspace(root / "checkpoints"), dataset.fingerprint)
    audit(dataset)
    return workspace.root


def _interrupt_a_run(workspace: Workspace, fingerprint: str) -> None:
    """Leave the checkpoints of a run that was interrupted after its search."""

    def interrupt(update: ProgressUpdate) -> None:
        if update.step == "importance":
            raise KeyboardInterrupt

    config = CONFIG.model_copy(update={"seed": 8})
    with contextlib.suppress(KeyboardInterrupt):
        run_pipeline(
            Dataset(workspace.datasets / fingerprint), config, workspace, progress=Progress(steps(config), interrupt)
        )


def verbs(home: Path) -> Iterator[list[str]]:
    """Every verb that reads the workspace; the one that repairs the dataset is the last."""
    dataset, run = next((home / "datasets").iterdir()).name, next((home / "runs").glob("2*")).name
    files = home.parent / "files"
    yield ["datasets", "list"]
    yield ["datasets", "delete", dataset]
    yield ["audit", dataset]
    yield ["quarantine", dataset]
    yield ["features", dataset, "--out", str(home / "table.parquet")]
    yield ["runs", "list"]
    for action in ("show", "verify", "note", "delete"):
        yield ["runs", action, run]
    yield ["runs", "compare", run, "10200101-000000-twin"]
    yield ["check", str(home / "runs" / run / "submission.csv"), "--run", "10200101-000000-twin"]
    yield ["jobs", "list"]
    yield ["jobs", "show", next((home / "logs").glob("*.log")).stem]
    yield ["uploads", "list"]
    yield ["mapping", "list"]
    yield ["worker", "--once"]
    yield ["ingest", "--train", str(files / "train.csv"), "--test", str(files / "test.csv")]


def outputs(home: Path, record: Callable[[dict[str, Any]], None]) -> None:
    """Run the pages and the verbs on a workspace; `record` receives the name of each before, and its output after."""
    os.environ |= {"SVS_HOME": str(home), "SVS_FIRST_RUN": "0"}
    frame.start_first_run = lambda workspace: None  # it would read the demo data, and the pages would show them
    arguments = list(verbs(home))
    for page in PAGES:
        record({"started": page})
        started = time.monotonic()
        app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=SECONDS_PER_ITEM)
        app = (app if page == "app.py" else app.switch_page(page)).run()
        seconds = time.monotonic() - started
        crash = "; ".join(str(error.value) for error in app.exception)
        record({"item": page, "seconds": seconds, "code": 70 if crash else 0, "lines": [*_contents(app, home), crash]})
    for line in arguments:
        record({"started": " ".join(line[:2])})
        started, text = time.monotonic(), io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            code = command_line(line)
        lines = _SIZE.sub("SIZE", text.getvalue().replace(str(home), "HOME")).splitlines()
        seconds = time.monotonic() - started
        record({"item": " ".join(line[:2]), "seconds": seconds, "code": code, "lines": lines})


def _contents(app: AppTest, home: Path) -> list[str]:
    """Return what a page shows: texts, numbers, and hashes of tables and charts."""
    lines = []
    for block in (app.main, app.sidebar):
        for node in _nodes(block):
            value = getattr(node, "value", None)
            kind = node.type
            if kind == "metric":
                value = f"{node.label} {value}"
            elif kind in ("arrow_data_frame", "arrow_table", "table", "arrow_vega_lite_chart", "vega_lite_chart"):
                value = hashlib.sha256(node.proto.SerializeToString(deterministic=True)).hexdigest()
            if isinstance(value, (str, int, float)):
                lines.append(_SIZE.sub("SIZE", f"{kind}: {value}".replace(str(home), "HOME")))
    return lines


def _nodes(block: Any) -> Iterator[Any]:
    for child in block.children.values():
        yield child
        if hasattr(child, "children"):
            yield from _nodes(child)


def resume_a_run(home: Path, record: Callable[[dict[str, Any]], None]) -> None:
    """Run what was interrupted, and record its submission."""
    os.environ |= {"SVS_HOME": str(home), "SVS_FIRST_RUN": "0"}
    record({"started": "run"})
    dataset = next((home / "datasets").iterdir()).name
    started, text = time.monotonic(), io.StringIO()
    options = ["--preset", "standard", "--trials", "2", "--folds", "2", "--learners", "lightgbm", "--seed", "8"]
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        code = command_line(["run", "--dataset", dataset, *options, "--json"])
    lines = text.getvalue().splitlines()
    if code == 0:
        submission = Path(json.loads(lines[-1])["submission"])
        lines = [hashlib.sha256(submission.read_bytes()).hexdigest()]
    record({"item": "run", "seconds": time.monotonic() - started, "code": code, "lines": lines})


def in_fork(home: Path, work: Callable[[Path, Callable[[dict[str, Any]], None]], None]) -> dict[str, dict[str, Any]]:
    """Do the work in a forked process, and return item -> its record. A process that hangs is killed."""
    log = home.with_suffix(".jsonl")
    child = os.fork()
    if child == 0:
        os.setsid()
        with log.open("w") as file:

            def record(entry: dict[str, Any]) -> None:
                print(json.dumps(entry), file=file, flush=True)

            try:
                work(home, record)
            except BaseException as error:  # noqa: BLE001 (the parent reports it)
                record({"item": "process", "seconds": 0, "code": 70, "lines": [f"{type(error).__name__}: {error}"]})
        os._exit(0)
    deadline = time.monotonic() + SECONDS_PER_CHANGE
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.02)
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    records = {entry["item"]: entry for entry in entries if "item" in entry}
    started = next((entry["started"] for entry in reversed(entries) if "started" in entry), "the process")
    if started not in records:
        records[started] = {"item": started, "seconds": SECONDS_PER_CHANGE, "code": 70, "lines": ["it hangs or died"]}
    return records


def problems(records: dict[str, dict[str, Any]], reference: dict[str, dict[str, Any]]) -> list[str]:
    """Return what is wrong: an item that crashed, was slow, or shows something else than before without a mark."""
    found = []
    for item, record in records.items():
        lines = record["lines"]
        if record["code"] not in (0, 1, 2) or record["seconds"] > SECONDS_PER_ITEM:
            found.append(f"{item}: exit {record['code']} after {record['seconds']:.0f} s: {' '.join(lines)[-300:]}")
            continue
        if record["code"] == 2:  # a sentence and nothing else
            continue
        new = [line for line in lines if line not in reference[item]["lines"]]
        if new and not any(mark in line for line in lines for mark in MARKS):
            found.append(f"{item}: unmarked: {' | '.join(new)[:300]}")
    return found


def _without_marks(records: dict[str, dict[str, Any]], reference: dict[str, dict[str, Any]]) -> list[str]:
    """Return the problems of a changed file without figures."""
    return [problem for problem in problems(records, reference) if "unmarked: " not in problem]


def try_changes(home: Path, pairs: Iterable[tuple[str, str]] = ()) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (file, change, problems) for each pair; by default for all files and changes."""
    checkpoints = home.with_name("checkpoints")
    pairs = list(pairs) or [(file, change) for file in (*FILES, *CHECKPOINT_FILES) for change in CHANGES]
    references: dict[Path, dict[str, dict[str, Any]]] = {}
    for pattern, change in pairs:
        source, work = (checkpoints, resume_a_run) if pattern in CHECKPOINT_FILES else (home, outputs)
        if source not in references:
            references[source] = in_fork(_copy(source), work)
            broken = problems(references[source], references[source])
            assert not broken, broken
        copy = _copy(source)
        path = next(copy.glob(pattern))
        CHANGES[change](path)
        judge = _without_marks if pattern in WITHOUT_FIGURES else problems
        yield pattern, change, judge(in_fork(copy, work), references[source])


def _copy(source: Path) -> Path:
    copy = source.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)
    return copy


if __name__ == "__main__":
    quicken(pytest.MonkeyPatch())
    manifest_scanner.scan_component_manifests()  # before the forks, which then need not search again
    names = sys.argv[2:]
    for pattern, change, found in try_changes(Path(sys.argv[1]), zip(names[::2], names[1::2], strict=True)):
        sys.stdout.write(f"{json.dumps([pattern, change, found])}\n")
        sys.stdout.flush()
