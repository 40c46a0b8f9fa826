"""Whole workflows in a real browser against a real server."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.base.workspace import Workspace
from core.cli import main
from core.dataset import Dataset, list_datasets
from core.demo import write_demo
from core.eda.views import VIEWS
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import load_mapping
from core.jobs import Jobs
from core.runs import Run, list_runs, load_run
from tests.browser import CHARTS, ENDED, Dashboard, Watched, dashboard
from tests.conftest import DEMO
from tests.rewriting import read_sealed, write_sealed

pytestmark = pytest.mark.browser

LONG = 180_000  # milliseconds; a run on the demo takes about ten seconds, and far longer on a busy machine
PAGES = {
    "": "What will a session be worth?",
    "Data": "What is in the data?",
    "Explore": "What do sessions look like?",
    "Train": "How well can we predict?",
    "Importance": "What drives the value of a session?",
    "Submission": "Is the submission ready?",
    "Score": "What will new sessions be worth?",
    "Live": "What is an open session worth?",
}
WRONG_FILES = {
    "image.csv": (b"\x89PNG\r\n\x1a\n" + bytes(64), "cannot be read as a table (it is a PNG image)"),
    "nothing.csv": (b"\n", "is empty. An event file needs a header line and at least one event"),
}
NO_TYPES = b"event_time,product_id,category_id,user_id,user_session,session_value\n2025-06-01 00:00:00,P,C,U,S,1\n"


@pytest.fixture
def small(workspace: Workspace, tmp_path: Path) -> Dataset:
    """A dataset on which a run takes seconds."""
    folder = tmp_path / "small"
    write_demo(folder, sessions=400, seed=1)
    return ingest(InputFiles(folder / "train.csv", folder / "test.csv"), workspace)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    watched = Watched(context.new_page())
    yield watched
    context.close()
    watched.must_be_clean()


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1, name=text)).to_be_visible(timeout=60_000)


def upload(page: Page, label: str, file: Path) -> None:
    """Upload to a field and wait until the page has run again.

    The field is found by its label, as the browser does not draw the fields in their order.
    """
    uploader = page.get_by_test_id("stFileUploader").filter(has_text=label)
    uploader.locator("input[type=file]").first.set_input_files(file)
    expect(uploader.get_by_role("button", name=f"Remove {file.name}")).to_be_visible()
    page.wait_for_timeout(500)  # the name is shown before the upload is complete and the page runs again
    expect(page.locator(ENDED)).to_be_visible()


def click_read(page: Page) -> None:
    expect(page.locator(ENDED)).to_be_visible()
    button = page.get_by_role("button", name="Read the files")
    expect(button).to_have_count(1)  # while the page runs again, the button of the run before is still there
    expect(button).to_be_enabled()
    button.click()


def choose(page: Page, label: str, option: str) -> None:
    """Pick an option of a select box."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(option)
    box.press("Enter")
    expect(box).to_have_value(option)


def choose_short_run(page: Page) -> None:
    """Choose two folds and one learner in the form of the Train page."""
    page.get_by_text("Settings", exact=True).first.click()
    folds = page.get_by_role("spinbutton", name="Folds")
    folds.fill("2")
    folds.press("Enter")
    for learner in ("XGBoost", "CatBoost", "Linear model"):
        button = page.get_by_role("button", name=learner)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_text("1 learner (LightGBM)")).to_be_visible()
    expect(page.get_by_text("on 2 folds")).to_be_visible()


def percent_done(page: Page) -> int:
    text = page.get_by_text(re.compile(r"\d+% · .* so far")).first.inner_text()
    percentage = re.search(r"(\d+)% ·", text)
    assert percentage, text
    return int(percentage.group(1))


def test_a_run_is_started_followed_and_its_checked_submission_downloaded(
    watched: Watched, workspace: Workspace, tmp_path: Path
) -> None:
    page = watched.page
    with dashboard(workspace, first_run=False) as address:
        page.goto(address)
        heading(page, PAGES[""])
        page.get_by_role("link", name="Train", exact=True).click()
        heading(page, PAGES["Train"])
        choose_short_run(page)
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text("A run on demo is in progress")).to_be_visible(timeout=60_000)
        expect(page.get_by_text(re.compile(r"\d+% · .* so far"))).to_be_visible(timeout=60_000)
        start = percent_done(page)
        page.wait_for_function(
            # a fast machine may finish between two polls
            "start => +(document.body.innerText.match(/(\\d+)% · /) ?? [0, -1])[1] > start"
            " || document.body.innerText.includes('The run is done.')",
            arg=start,
            timeout=LONG,
        )
        (job,) = Jobs(workspace).all()
        assert f"job={job.id}" in page.url

        page.reload()
        second_tab = page.context.new_page()
        second_tab.goto(f"{address}/Train")
        for tab in (page, second_tab):
            status = tab.get_by_text("A run on demo is in progress").or_(tab.get_by_text("The run is done."))
            expect(status.first).to_be_visible(timeout=60_000)
            assert f"job={job.id}" in tab.url
        assert [job.id for job in Jobs(workspace).all()] == [job.id]

        expect(page.get_by_text("The run is done.")).to_be_visible(timeout=LONG)
        expect(page.get_by_text("5 of 5 leakage checks passed.")).to_be_visible()
        assert f"run={list_runs(workspace)[0].manifest.run_id}" in page.url

        page.get_by_role("link", name="Submission", exact=True).click()
        heading(page, PAGES["Submission"])
        expect(page.get_by_text("applicable checks passed")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download submission.csv").click()
        file = tmp_path / "submission.csv"
        download.value.save_as(file)
    assert file.read_bytes() == list_runs(workspace)[0].submission.read_bytes()
    sample, test = str(DEMO / "sample_submission.csv"), str(DEMO / "test.csv")
    assert main(["check", str(file), "--test", test, "--sample-submission", sample]) == 0


@pytest.mark.long
def test_a_tuned_run_can_finish_early_and_shows_its_results(
    watched: Watched, workspace: Workspace, small: Dataset
) -> None:
    page = watched.page
    with dashboard(workspace, first_run=False) as address:
        page.goto(f"{address}/Train?dataset={small.fingerprint}")
        heading(page, PAGES["Train"])
        page.get_by_role("radio", name="Standard").click()
        expect(page.get_by_text("A standard run tunes")).to_be_visible()
        minutes = page.get_by_role("spinbutton", name="Minutes")
        expect(minutes).to_have_value("10")
        minutes.fill("45")
        minutes.press("Enter")
        expect(page.get_by_text("It takes 45 minutes")).to_be_visible()
        choose_short_run(page)
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text(re.compile(r"Tuning: .*, trial \d+: loss .*; best"))).to_be_visible(timeout=LONG)
        page.get_by_role("button", name="Finish with the best so far").click()
        expect(page.get_by_text("The search ends after the current fits")).to_be_visible(timeout=20_000)
        page.reload()  # while the run is in progress
        expect(page.get_by_text("The run is done.")).to_be_visible(timeout=2 * LONG)
        expect(page.get_by_role("heading", name="What did tuning gain?")).to_be_visible()
        # under load, the results of the running job may still be shown for a moment
        expect(page.get_by_text(re.compile(r"Of \d+ trials?, \d+ ran on all folds")).last).to_be_visible()
        expect(page.get_by_text(re.compile("The 80% interval is .* value units wide on average"))).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
    (run,) = list_runs(workspace)
    assert run.manifest.config.minutes == 45
    assert run.manifest.seconds < 20 * 60
    assert run.manifest.checks.failed == 0


@pytest.mark.long
def test_other_runs_are_queued_and_every_tab_shows_the_queue(
    watched: Watched, workspace: Workspace, small: Dataset
) -> None:
    page = watched.page
    with dashboard(workspace, first_run=False) as address:
        page.goto(f"{address}/Train?dataset={small.fingerprint}")
        heading(page, PAGES["Train"])
        idle_tab = page.context.new_page()
        idle_tab.goto(address)
        heading(idle_tab, PAGES[""])
        page.get_by_role("radio", name="Standard").click()
        expect(page.get_by_text("A standard run tunes")).to_be_visible()
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text("A run on small is in progress")).to_be_visible()
        expect(idle_tab.get_by_text("A run on small is in progress")).to_be_visible()  # without a click in this tab
        idle_tab.close()
        expect(page.get_by_text(re.compile(r"Best so far\. Of \d+ trials?"))).to_be_visible(timeout=LONG)
        expect(page.get_by_text(re.compile(r"GB of memory · .* cores busy"))).to_be_visible()

        page.get_by_text("Start another run").click()
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text("This run was already started. It is shown here.")).to_be_visible(timeout=20_000)
        page.get_by_role("radio", name="Quick").click()
        expect(page.get_by_text("A quick run fits")).to_be_visible(timeout=20_000)
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text("Another run is in progress. Yours is queued")).to_be_visible(timeout=20_000)
        expect(page.get_by_text("1 run in the queue")).to_be_visible(timeout=20_000)
        second_tab = page.context.new_page()
        second_tab.goto(f"{address}/Train?dataset={small.fingerprint}")
        expect(second_tab.get_by_text("1 run in the queue")).to_be_visible(timeout=60_000)
        expect(second_tab.get_by_text("A run on small is in progress")).to_be_visible()
        jobs = Jobs(workspace)
        assert [job.state for job in jobs.all()] == ["queued", "running"]

        second_tab.get_by_role("button", name="close").click()
        expect(second_tab.get_by_text("1 run in the queue")).to_be_hidden(timeout=20_000)
        expect(page.get_by_text("1 run in the queue")).to_be_hidden(timeout=20_000)
        assert [job.state for job in jobs.all()] == ["cancelled", "running"]
        second_tab.close()
        page.get_by_role("button", name="Cancel the run").click()
        page.get_by_role("button", name="Yes, cancel").click()
        expect(page.get_by_text("The run was cancelled. Its results were not kept.").first).to_be_visible(
            timeout=60_000
        )
        assert [job.state for job in jobs.all()] == ["cancelled", "cancelled"]
        expect(page.get_by_test_id("stException")).to_have_count(0)
    assert list(workspace.unfinished.iterdir()) == []


@pytest.mark.long
def test_a_run_whose_process_was_killed_is_resumed_by_a_click(
    watched: Watched, workspace: Workspace, small: Dataset
) -> None:
    page = watched.page
    with dashboard(workspace, first_run=False) as address:
        page.goto(f"{address}/Train?dataset={small.fingerprint}")
        heading(page, PAGES["Train"])
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text(re.compile(r"\d+% · .* so far"))).to_be_visible(timeout=LONG)
        jobs = Jobs(workspace)
        (job,) = jobs.all()
        assert job.pid is not None
        os.kill(job.pid, signal.SIGKILL)
        expect(page.get_by_text("The run was interrupted. Its process ended unexpectedly")).to_be_visible(
            timeout=20_000
        )
        page.reload()
        page.get_by_role("button", name="Resume the run").click()
        expect(page.get_by_text("The run is done.")).to_be_visible(timeout=LONG)
        (same,) = jobs.all()
        assert (same.id, same.state, same.attempts) == (job.id, "done", 2)

        (first_run,) = list_runs(workspace)
        page.get_by_role("radio", name="Now").click()
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text("A run on small is in progress")).to_be_visible()
        expect(page.get_by_text("The run is done.")).to_be_visible(timeout=LONG)
        newest = list_runs(workspace)[0].manifest.run_id
        assert newest != first_run.manifest.run_id
        expect(page).to_have_url(re.compile(f"run={newest}"))
        expect(page.get_by_test_id("stException")).to_have_count(0)
    assert len(list_runs(workspace)) == 2


def pick_runs(page: Page, address: str, rows: tuple[int, ...], shown: Locator) -> None:
    """Tick rows of the list of runs until `shown` is visible.

    The boxes are drawn on a canvas. A table that is drawn again during a click misses it, so this tries three times.
    """
    for last in (False, False, True):
        page.goto(f"{address}/Train?view=Runs")
        heading(page, PAGES["Train"])
        page.get_by_text("Show single learners").click()
        expect(page.locator(ENDED)).to_be_visible(timeout=20_000)
        page.wait_for_timeout(1_000)
        table = page.get_by_test_id("stDataFrame").first
        for row in rows:
            table.click(position={"x": 16, "y": 18 + 35 * row})
            page.wait_for_timeout(1_000)
        try:
            expect(shown).to_be_visible(timeout=15_000)
        except AssertionError:
            if last:
                raise
        else:
            return


def test_two_runs_are_compared_named_and_deleted(watched: Watched, finished_dashboard: Dashboard) -> None:
    _, workspace, run = finished_dashboard
    other = workspace.runs / "20200101-000000-twin"
    shutil.copytree(run.folder, other)
    manifest = read_sealed(other / "manifest.json") | {"run_id": other.name}
    manifest["created"] = "2020-01-01T00:00:00+00:00"
    write_sealed(other / "manifest.json", manifest)
    page = watched.page
    address = finished_dashboard.address
    pick_runs(page, address, (1, 2), page.get_by_text("is not clearly different from").first)
    expect(page.get_by_text("The settings of these runs are the same.")).to_be_visible()
    pick_runs(page, address, (2,), page.get_by_label("Name"))
    page.get_by_label("Name").fill("from 2020")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_timeout(1500)
    assert load_run(other).note.name == "from 2020"
    page.get_by_text("Delete the run").click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.get_by_role("button", name="Yes, delete")).to_be_hidden()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert [listed.manifest.run_id for listed in list_runs(workspace)] == [run.manifest.run_id]


def test_an_address_that_leads_nowhere_says_so(watched: Watched, finished_dashboard: Dashboard) -> None:
    watched.page.goto(f"{finished_dashboard.address}/Nowhere")
    heading(watched.page, "There is no page at this address")
    watched.page.get_by_role("link", name="Go to Home").click()
    heading(watched.page, PAGES[""])


def test_the_first_start_begins_a_run_that_can_be_cancelled(watched: Watched, workspace: Workspace) -> None:
    page = watched.page
    with dashboard(workspace, first_run=True) as address:
        page.goto(address)
        heading(page, PAGES[""])
        expect(page.get_by_text("A run on demo is in progress")).to_be_visible()
        page.get_by_role("button", name="Cancel the run").click()
        page.get_by_role("button", name="Yes, cancel").click()
        expect(page.get_by_text("There is no finished run on this dataset yet.")).to_be_visible()
        expect(page.get_by_text("A run on demo is in progress")).to_be_hidden(timeout=60_000)
        page.goto(f"{address}/Submission")
        heading(page, PAGES["Submission"])
        expect(page.get_by_text("submission.csv and its checks will be shown here.")).to_be_visible()
    assert [job.state for job in Jobs(workspace).all()] == ["cancelled"]


@pytest.mark.long
def test_every_page_can_be_opened_first(watched: Watched, finished_home: tuple[Workspace, Run]) -> None:
    """Home, Data and Train are the first pages of a server in other tests."""
    page = watched.page
    for path in ("Explore", "Importance", "Submission", "Score", "Live"):
        # a new server for each page, so that nothing was opened before
        with dashboard(finished_home[0], first_run=False) as address:
            page.goto(f"{address}/{path}")
            heading(page, PAGES[path])
            expect(page.get_by_test_id("stException")).to_have_count(0)
            expect(page.get_by_role("combobox", name=re.compile("Dataset"))).to_be_visible()


def test_charts_are_drawn_and_described_to_screen_readers(watched: Watched, finished_dashboard: Dashboard) -> None:
    page = watched.page
    address = finished_dashboard.address
    for path, charts in (("Explore?view=Value", len(VIEWS["Value"])), ("Importance", 2), ("Train", 5)):
        page.goto(f"{address}/{path}")
        heading(page, PAGES[path.split("?")[0]])
        expect(page.locator(CHARTS)).to_have_count(charts)
    page.goto(f"{address}/Explore?view=Value")
    expect(page.get_by_label(re.compile("Histogram of session values. Half of the sessions")).first).to_be_attached()


def test_a_random_session_is_drawn_and_kept_in_the_address(watched: Watched, finished_dashboard: Dashboard) -> None:
    page = watched.page
    charts = page.locator(CHARTS)
    address = finished_dashboard.address
    page.goto(f"{address}/Explore")
    heading(page, PAGES["Explore"])
    page.get_by_role("radio", name="One session").click()
    page.get_by_role("button", name="Random session").click()
    expect(charts).to_have_count(1)
    expect(page).to_have_url(re.compile("session=SESSION_"))
    page.reload()
    expect(charts).to_have_count(1)


def test_wrong_files_are_shown_as_errors_and_the_page_stays_usable(
    watched: Watched, finished_dashboard: Dashboard, tmp_path: Path
) -> None:
    page = watched.page
    address = finished_dashboard.address
    page.goto(f"{address}/Data")
    heading(page, PAGES["Data"])
    for name, (content, sentence) in WRONG_FILES.items():  # a wrong file is reported before the other one is uploaded
        wrong = tmp_path / name
        wrong.write_bytes(content)
        upload(page, "Train file", wrong)
        expect(page.get_by_role("alert").filter(has_text=f"{name} {sentence}")).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
    wrong = tmp_path / "no_types.csv"
    wrong.write_bytes(NO_TYPES)
    upload(page, "Train file", wrong)
    expect(page.get_by_text("No column of no_types.csv was recognized as event type.")).to_be_visible()
    expect(page.get_by_text("Upload the test file to continue.")).to_be_visible()
    upload(page, "Test file", DEMO / "test.csv")
    choose(page, "Log format", "Standard columns")
    click_read(page)
    expect(page.get_by_role("alert").filter(has_text="no_types.csv has no column event_type")).to_be_visible()
    other = tmp_path / "few.csv"
    pl.read_csv(DEMO / "test.csv").head(50).write_csv(other)
    upload(page, "Train file", DEMO / "train.csv")
    upload(page, "Test file", other)
    upload(page, "Sample submission", DEMO / "sample_submission.csv")
    click_read(page)
    expect(page.get_by_role("alert").filter(has_text="are not in the test file")).to_be_visible()
    page.get_by_role("link", name="Explore", exact=True).click()
    heading(page, PAGES["Explore"])


def test_uploaded_files_become_the_dataset_of_every_page(
    watched: Watched, finished_dashboard: Dashboard, tmp_path: Path
) -> None:
    page = watched.page
    train = tmp_path / "my train.csv"
    pl.read_csv(DEMO / "train.csv").head(5_000).write_csv(train)
    address = finished_dashboard.address
    page.goto(f"{address}/Data")
    heading(page, PAGES["Data"])
    upload(page, "Train file", train)
    upload(page, "Test file", DEMO / "test.csv")
    click_read(page)
    expect(page.get_by_text("Train: my train.csv.")).to_be_visible()
    expect(page.get_by_text("No run on this dataset yet.")).to_be_visible()
    page.get_by_role("link", name="Importance", exact=True).click()
    expect(page.get_by_text("What drives the value of a session will be shown here, in words.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("What drives the value of a session will be shown here, in words.")).to_be_visible()


def rees46_log(month: int, sessions: int) -> bytes:
    """Return one month of a log in the format of REES46; every third session has a purchase."""
    lines = ["event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"]
    for number in range(sessions):
        words = ["view", "view", "cart", "purchase"] if number % 3 == 0 else ["view", "cart", "remove_from_cart"]
        for minute, word in enumerate(words):
            lines.append(
                f"2019-{month}-{1 + number % 28:02} {number % 24:02}:{minute:02}:00 UTC,{word},"
                f"{1_000_000 + number % 50},20530135{number % 7:02},electronics.phone,,{10 + number % 50}.50,"
                f"{512_000_000 + number % 90},"
                f"{month:08}-0000-4000-8000-{number:012}"
            )
    return ("\n".join(lines) + "\n").encode()


def test_the_mapping_that_fits_a_log_is_suggested_and_used(
    watched: Watched, workspace: Workspace, tmp_path: Path
) -> None:
    page = watched.page
    october, november = tmp_path / "2019-Oct.csv", tmp_path / "2019-Nov.csv"
    october.write_bytes(rees46_log(10, 300))
    november.write_bytes(rees46_log(11, 120) + b"2019-11-30 10:00:00 UTC,wishlist,1,2,,,1.0,3,4\n")
    with dashboard(workspace, first_run=False) as address:
        page.goto(f"{address}/Data")
        heading(page, PAGES["Data"])
        upload(page, "Train file", october)
        upload(page, "Test file", november)
        expect(page.get_by_role("combobox", name="Log format")).to_have_value("REES46 event log")
        expect(page.get_by_text("Preview of the first 10 rows: 10 usable")).to_be_visible()
        choose(page, "Log format", "Custom mapping")
        expect(page.get_by_role("combobox", name="remove_from_cart")).to_have_value("REMOVE_CART")
        choose(page, "Log format", "REES46 event log")
        click_read(page)
        expect(page.get_by_text("was read and is now shown on all pages.")).to_be_visible(timeout=60_000)
        expect(
            page.get_by_text("300 sessions for training and 121 sessions to predict. 1 row was quarantined.")
        ).to_be_visible()
        expect(
            page.get_by_text("1 row: event_type is wishlist, not one of view, cart, remove_from_cart, purchase")
        ).to_be_visible()
        expect(page.get_by_text("What is unusual?")).to_be_visible()
    card = next(dataset.card() for dataset in list_datasets(workspace) if dataset.card().train.name == october.name)
    bought = [10.5 + number % 50 for number in range(0, 300, 3)]
    assert card.mapping == "REES46 event log"
    assert card.train.value_mean == pytest.approx(sum(bought) / 300)


def test_own_columns_are_edited_in_the_form(watched: Watched, workspace: Workspace, tmp_path: Path) -> None:
    page = watched.page
    for name in ("train.csv", "test.csv"):
        header, *rows = (DEMO / name).read_text().splitlines()
        lines = [f"{header},price,page", *(f"{row},{1 + n % 7}.50,{'abc'[n % 3]}" for n, row in enumerate(rows))]
        (tmp_path / name).write_text("\n".join(lines))
    with dashboard(workspace, first_run=False) as address:
        page.goto(f"{address}/Data")
        heading(page, PAGES["Data"])
        upload(page, "Train file", tmp_path / "train.csv")
        upload(page, "Test file", tmp_path / "test.csv")
        choose(page, "Log format", "Custom mapping")
        table = page.locator("[class*=st-key-editor] [data-testid=stDataFrame]")
        expect(table).to_be_visible()
        table.scroll_into_view_if_needed()
        is_used = table.get_by_role("gridcell", include_hidden=True).first  # that of the first row, price
        for clicks in (True, False, True, False):  # a click or a key is lost while the table is being drawn again
            expect(page.locator(ENDED)).to_be_visible()
            page.wait_for_timeout(1_000)
            if clicks:  # a click on a cell that is selected already would change it, and the key would undo that
                box = table.bounding_box()
                assert box is not None
                page.mouse.click(box["x"] + 38, box["y"] + 50)
            page.keyboard.press("Space")
            with contextlib.suppress(AssertionError):  # a busy machine may send the edit late; another would undo it
                expect(is_used).to_have_text("false", timeout=15_000)
                break
        assert is_used.text_content() == "false"
        expect(page.locator(ENDED)).to_be_visible()
        page.get_by_role("link", name="Explore", exact=True).click()
        heading(page, PAGES["Explore"])
        page.get_by_role("link", name="Data", exact=True).click()
        heading(page, PAGES["Data"])
        page.get_by_role("button", name="Save the mapping").click()
        expect(page.get_by_text("Saved the mapping My shop.")).to_be_visible()
    assert list(load_mapping(workspace.mappings / "My_shop.toml").own) == ["page"]


def test_an_uploaded_file_is_scored_and_its_values_survive_a_reload(
    watched: Watched, finished_dashboard: Dashboard, tmp_path: Path
) -> None:
    page = watched.page
    events, expected = tmp_path / "later events.csv", tmp_path / "expected.csv"
    pl.read_csv(DEMO / "test.csv").head(600).write_csv(events)
    run_id = finished_dashboard.run.manifest.run_id
    assert main(["score", "--run", run_id, "--events", str(events), "--out", str(expected)]) == 0
    n_sessions = pl.read_csv(expected).height
    page.goto(f"{finished_dashboard.address}/Score")
    heading(page, PAGES["Score"])
    expect(page.get_by_role("button", name="Predict values")).to_be_disabled()
    upload(page, "Event file", events)
    page.get_by_role("button", name="Predict values").click()
    finding = page.get_by_text(f"The {n_sessions:,} sessions of later events.csv will be worth")
    expect(finding).to_be_visible(timeout=60_000)
    expect(page.locator(CHARTS)).to_have_count(2)
    page.reload()
    expect(finding).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download values as CSV").click()
    download.value.save_as(tmp_path / "values.csv")
    assert pl.read_csv(tmp_path / "values.csv").equals(pl.read_csv(expected))
    assert not any(finished_dashboard.workspace.uploads.iterdir())
