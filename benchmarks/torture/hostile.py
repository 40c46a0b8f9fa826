"""Stress test of texts: one hostile string is in every text of the files and in addresses, and nothing may obey it.

- Ids, names and own columns of a log, names of files, notes and an entry of the submission log contain HTML, a script,
  Markdown, an address of another host, a formula and a command of the terminal. A run is made of them.
- Every page and view, addresses with the same string, the report and the file of all views are opened in a real
  browser: no request to another host, no script of the string, no element from it.
- Every verb prints no control character, and no CSV file for people has a formula. `submission.csv` has the ids as they
  are.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import tempfile
from pathlib import Path
from urllib.parse import quote

import polars as pl
from playwright.sync_api import Page, expect, sync_playwright

from core.base.note import write_note
from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.demo import write_demo
from core.eda.views import VIEWS
from core.ingestion import InputFiles
from core.ingestion.mapping import load_mapping
from core.jobs import Jobs
from core.pipeline.run import run as run_pipeline
from core.runs import Note, Run
from core.submission import log
from tests.browser import ENDED, Watched, launch, served

ATTACK = (
    '=HYPERLINK("http://evil.test/f") <img src=http://evil.test/i onerror=window.attacked=1>'
    "<script>window.attacked=1</script><!-- ![i](http://evil.test/m.png) [l](javascript:window.attacked=1) "
    "<style>@import url(http://evil.test/c)</style></script> :red[r] $x$ \x1b]0;attacked\x07 "
)
NAME = "=1+A1 <img src=x onerror=window.attacked=1> [l](javascript:x) $x$ \x1b]0;a\x07 "
"""The same for names of files, which have no slash."""
_TEXTS = ("product_id", "category_id", "user_id", "user_session", "brand", "device")
_SESSIONS = 800
_CONFIG = RunConfig.checked(purpose="live", learners=("lightgbm",), folds=2)
_FORMULA = re.compile(r"\s*[=+\-@].*[A-Za-z(]")
_OBEYED = "[src*='evil.test'], [href*='evil.test'], [href^='javascript:'], img[src='x'], img[onerror]"
"""Selector of elements that only the hostile string can have made."""
_MILLISECONDS = 60_000.0
_MIN_SHOWN = 10
"""Pages and views that show the string as a text, besides tables and charts; otherwise the test would show nothing."""


def run_part(options: argparse.Namespace) -> None:
    """Print one line per page and verb; fail at the end if something obeyed the string."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        workspace, run, files = hostile_workspace(root)
        os.environ |= {"SVS_HOME": str(workspace.root), "SVS_FIRST_RUN": "0"}
        problems = [*of_verbs(run, files, root / "out"), *of_pages(workspace, run, root / "out")]
    assert not problems, "\n".join(problems)


def hostile_workspace(root: Path) -> tuple[Workspace, Run, InputFiles]:
    """Return a workspace with a run on a log whose texts are hostile, and the files of the log."""
    plain, folder = root / "plain", root / "files"
    write_demo(plain, sessions=_SESSIONS, seed=3, own_columns=True)
    folder.mkdir()
    paths = {}
    for part in ("train", "test"):
        rows = pl.read_csv(plain / f"{part}.csv", infer_schema=False)
        rows = rows.with_columns(pl.concat_str(pl.lit(ATTACK), pl.col(name)).alias(name) for name in _TEXTS)
        rows = rows.with_columns(pl.concat_str(pl.lit(ATTACK), pl.lit("name of "), "product_id").alias("item_name"))
        bad = rows.head(5).with_columns(pl.lit(f"{ATTACK}type").alias("event_type"))
        paths[part] = folder / f"{NAME}{part}.csv"
        pl.concat([rows, bad]).write_csv(paths[part])
    mapping = folder / "mapping.toml"
    mapping.write_text(f'{(plain / "mapping.toml").read_text()}\n[names]\nproduct = "item_name"\n')
    files = InputFiles(paths["train"], paths["test"], mapping=load_mapping(mapping))
    workspace = Workspace(root / "home")
    run = run_pipeline(files, _CONFIG, workspace)
    run.save_note(Note.checked(NAME, ATTACK))
    write_note(workspace.datasets / run.manifest.dataset, Note.checked(NAME, ATTACK))
    log.record(workspace, "checked", dataset=run.manifest.dataset, sha256="0" * 64, file=NAME, note=ATTACK)
    job, _ = Jobs(workspace).enqueue(run.manifest.dataset, NAME, "digest", {})
    Jobs(workspace).end(job.id, "failed", error=ATTACK)
    return workspace, run, files


def of_verbs(run: Run, files: InputFiles, out: Path) -> list[str]:
    """Run the verbs that print or write texts of the log, and return what is wrong."""
    out.mkdir()
    name, data = run.manifest.run_id, run.manifest.dataset
    train, test = str(files.train), str(files.test)
    lines = [
        ["datasets", "list"],
        ["audit", data],
        ["quarantine", data],
        ["quarantine", data, "--out", str(out / "quarantine.csv")],
        ["quarantine", data, "--sessions", "--out", str(out / "sessions.csv")],
        ["mapping", "guess", train],
        ["mapping", "preview", train],
        ["runs", "list"],
        ["runs", "show", name],
        ["jobs", "list"],
        ["uploads", "list"],
        ["submissions", "list"],
        ["check", str(run.submission), "--run", name],
        ["score", "--run", name, "--events", test],
        ["score", "--run", name, "--events", test, "--out", str(out / "s.csv"), "--quarantine", str(out / "q.csv")],
        ["importance", "--run", name, "--out", str(out / "importance.csv")],
        ["report", "--run", name, "--out", str(out / "report.html")],
        ["ingest", "--train", train, "--test", f"{test}{NAME}"],
        [f"{NAME}verb"],
    ]
    problems = []
    for line in lines:
        for arguments in (line, [*line, "--json"]):
            text = io.StringIO()
            if arguments != line and "--out" in line:
                continue
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
                code = main(arguments)
            unprintable = text.getvalue().replace("\n", "").replace("\t", "").isprintable() is False
            if code not in (0, 1, 2) or unprintable:
                problems.append(f"{' '.join(line[:2])}: exit {code}, control characters: {unprintable}")
            print(f"{' '.join(line[:2])[:40]}: exit {code}, {len(text.getvalue()):,} characters", flush=True)
    for table in sorted(out.glob("*.csv")):
        cells = pl.read_csv(table, infer_schema=False).unpivot().get_column("value").drop_nulls()
        assert table.name == "sessions.csv" or len(cells), table
        problems += [f"{table.name}: a formula: {cell[:60]!r}" for cell in cells.head(99_999) if _FORMULA.match(cell)]
    ids = pl.read_csv(run.submission).get_column("user_session")
    if not ids.str.starts_with(ATTACK).all():
        problems.append("submission.csv: ids were changed")
    return problems


def of_pages(workspace: Workspace, run: Run, out: Path) -> list[str]:
    """Open every page and view in a browser, and return what obeyed the string."""
    problems: list[str] = []
    n_shown = 0
    session, attack = (quote(text, safe="") for text in (f"{ATTACK}SESSION_000001", ATTACK))
    addresses = ["", "Data", "Score", "Backtest", attack, f"?run={attack}&dataset={attack}"]
    addresses += [f"Explore?view={quote(view)}" for view in VIEWS]
    addresses += [f"Explore?view={attack}&categories={attack}&days={attack}&types={attack}&with=categories%3D{attack}"]
    addresses += [f"Explore?view=One%20session&session={session}", f"Explore?view=One%20session&session={attack}"]
    with served(workspace) as server, sync_playwright() as playwright:
        browser = launch(playwright)
        watched = Watched(browser.new_context(viewport={"width": 1280, "height": 2_400}).new_page())
        page = watched.page
        page.set_default_timeout(_MILLISECONDS)
        expect.set_options(timeout=_MILLISECONDS)
        page.on("dialog", lambda dialog: problems.append(f"a dialog: {dialog.message}") or dialog.dismiss())

        def judge(shown: str) -> None:
            nonlocal n_shown
            n_shown += "window.attacked" in page.locator("body").inner_text()
            n_elements, attacked = page.locator(_OBEYED).count(), page.evaluate("window.attacked")
            if n_elements or attacked or watched.foreign_requests or watched.errors:
                problems.append(f"{shown}: {n_elements} elements, {attacked=}, {watched.foreign_requests}")
                problems.extend(watched.errors)
            watched.foreign_requests.clear()
            watched.errors.clear()
            print(f"{shown[:60]}: drawn", flush=True)

        for address in addresses:
            page.goto(f"{server.address}/{address}")
            if address != attack:  # an unknown page has no script
                wait_until_drawn(page)
            judge(address or "Home")
        for name in ("Train", "Importance", "Submission", "Live"):
            page.goto(f"{server.address}/{name}")
            wait_until_drawn(page)
            views = page.get_by_role("radiogroup", name="View").get_by_role("radio")
            expect(views.first).to_be_visible()
            for at in range(views.count()):
                views.nth(at).click()
                wait_until_drawn(page)
                judge(f"{name}, view {at + 1}")
        page.goto(f"{server.address}/Explore?view=Products")
        wait_until_drawn(page)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download all views (HTML)").click()
        download.value.save_as(out / "all_views.html")
        for file in ("report.html", "all_views.html"):
            page.goto((out / file).as_uri())
            page.wait_for_timeout(1_000)
            watched.foreign_requests = [url for url in watched.foreign_requests if not url.startswith("file:")]
            judge(file)
        browser.close()
    assert n_shown >= _MIN_SHOWN, f"only {n_shown} pages show the string"
    return problems


def wait_until_drawn(page: Page) -> None:
    """Wait until the script of the page has ended."""
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    page.wait_for_timeout(300)  # a click needs a moment until the script runs again
    expect(page.locator(ENDED)).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
