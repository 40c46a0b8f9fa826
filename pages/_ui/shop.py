"""The view of the Live page that shows all open sessions: of a replayed day, or of a running service."""

from __future__ import annotations

import datetime

import streamlit as st

from core.base.text import count
from core.dataset import Dataset
from core.live.service_client import DEFAULT_ADDRESS, service_host
from core.live.shop_day import STEP_SECONDS, RankBy, ShopDay
from core.runs import Run
from pages._ui import live_cache
from pages._ui.frame import showing_errors
from pages._ui.number_format import in_page_format
from pages._ui.open_sessions import show_open_sessions
from pages._ui.run_tables import PRICES_ARE_ESTIMATES
from pages._ui.serving.hosts import is_local
from pages._ui.serving.privacy import shows_files
from pages._ui.shop_clock import ShopClock
from pages._ui.state import page_state

_DAY, _SERVICE = "Replayed day", "Service"
_SPEEDS = {10: "10 s", 60: "1 min", 600: "10 min", 3_600: "1 h"}
_RANKINGS: dict[RankBy, str] = {"value": "Predicted final value", "to_come": "Still to come"}
_REFRESH_SECONDS = 0.9
"""A little less than a second, so that a page changes at least once a second."""
_COMPUTE_SECONDS = 0.25
"""Time for new estimates per refresh, so that other tabs get their turn."""
N_SESSIONS = 20
_TIME_KEY = "shop-time"
_FIRST, _LAST = datetime.time(0, 0), datetime.time(23, 50)
_STEP = datetime.timedelta(seconds=STEP_SECONDS)


def show_shop(run: Run, dataset: Dataset) -> None:
    """Show the open sessions of a replayed day or of a service, as they change."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        origin = st.segmented_control("Source", [_DAY, _SERVICE], default=_DAY, required=True, key="shop-origin")
        by = st.segmented_control(
            "Rank by", list(_RANKINGS), default="value", required=True, format_func=_RANKINGS.__getitem__, key="rank-by"
        )
    if origin == _DAY:
        _show_day(str(run.folder), str(dataset.folder), by)
    else:
        _show_service(by)


def _show_day(folder: str, dataset_folder: str, by: RankBy) -> None:
    days, clock = dict(live_cache.shop_days(folder)), page_state().clock
    if not days:
        st.markdown("The test file has no events.")
        return
    if clock.day not in days:
        clock.day = max(days, key=days.__getitem__)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        clock.day = st.selectbox(
            "Day",
            list(days),
            index=list(days).index(clock.day),
            format_func=lambda start: f"{_date(start):%a %d %b %Y} · {count(days[start], 'event')}",
            key="shop-day",
            width=250,
        )
        speeds = list(_SPEEDS)
        speed = st.segmented_control(
            "Speed (shop time per second)",
            speeds,
            default=clock.speed,
            required=True,
            format_func=_SPEEDS.__getitem__,
            key="shop-speed",
        )
        clock.set_speed(speed)
        running = clock.since is not None and not clock.has_ended
        label, icon = ("Pause", ":material/pause:") if running else ("Start", ":material/play_arrow:")
        st.button(label, icon=icon, type="primary", on_click=_pause if running else clock.start, width=110)
        now = datetime.time(clock.time_of_day.hour, clock.time_of_day.minute // 10 * 10)
        st.session_state.setdefault(_TIME_KEY, now)
        st.slider("Jump to", _FIRST, _LAST, step=_STEP, format="HH:mm", key=_TIME_KEY, on_change=_jump, width=300)
    shop, n_actual = live_cache.shop_day(folder, dataset_folder, clock.day)
    running = clock.since is not None
    is_ready = len(shop.line(clock.moment, seconds=0.0)) > (clock.moment - shop.start) // STEP_SECONDS
    is_moving = running or not is_ready
    st.fragment(in_page_format(_draw_day), run_every=_REFRESH_SECONDS if is_moving else None)(
        shop, clock, by, is_moving=is_moving
    )
    st.caption(_meaning_of_final(n_actual, shop.n_sessions))


def _draw_day(shop: ShopDay, clock: ShopClock, by: RankBy, *, is_moving: bool) -> None:
    moment = clock.moment
    now = shop.at(moment, by=by, limit=N_SESSIONS, seconds=_COMPUTE_SECONDS)
    points = shop.line(moment, seconds=_COMPUTE_SECONDS)
    show_open_sessions(now, points, span=(shop.start, shop.end), with_links=True)
    is_done = not now.n_waiting and len(points) > (moment - shop.start) // STEP_SECONDS
    if clock.has_ended:
        clock.pause()
    if is_moving and clock.since is None and is_done:
        st.rerun()  # without the timer


def _meaning_of_final(n_actual: int, n_sessions: int) -> str:
    """Say what the final values are."""
    if n_actual == n_sessions:
        return "The orange line is the sum of the actual final values of the open sessions."
    known = f" For {count(n_actual, 'session')}, the actual value is known and used instead." if n_actual else ""
    return (
        "The orange line is the sum of the final values of the open sessions. The test file has no values, so a final "
        f"value is the sum of the estimated prices of all events of the session.{known} {PRICES_ARE_ESTIMATES}"
    )


def _show_service(by: RankBy) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address = st.text_input(
            "Address", DEFAULT_ADDRESS, key="service-address", width=300, disabled=not shows_files()
        ).strip()
        token = st.text_input(
            "Token", key="service-token", type="password", width=220, placeholder="if the service has one"
        ).strip()
        follows = st.toggle("Follow", key="follow-service")
    if not shows_files():
        address = DEFAULT_ADDRESS
        st.caption("The address cannot be changed, because other machines can open this dashboard.")
    if not follows:
        st.markdown("Start a service with `svs serve --run RUN`, and follow it here.")
        return
    with showing_errors():
        if not is_local(service_host(address)):
            st.caption("This service runs on another machine. The token that you enter is sent to it.")
        st.fragment(in_page_format(_draw_service), run_every=_REFRESH_SECONDS)(address, token, by)


def _draw_service(address: str, token: str, by: RankBy) -> None:
    with showing_errors():
        now = live_cache.service_now(address, token, by, N_SESSIONS)
        points = page_state().service_points.setdefault(address, [])
        if now.total is not None and (not points or points[-1].moment < now.moment):
            points.append(now.as_point())
            del points[: -live_cache.SERVICE_POINTS]
        show_open_sessions(now, points, span=None, with_links=False)


def _date(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _pause() -> None:
    clock = page_state().clock
    clock.pause()
    now = clock.time_of_day
    st.session_state[_TIME_KEY] = datetime.time(now.hour, now.minute // 10 * 10)


def _jump() -> None:
    page_state().clock.jump(st.session_state[_TIME_KEY])
