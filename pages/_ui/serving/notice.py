"""What a page does first: refuse a visitor whom the server did not check, and say who can open the dashboard."""

from __future__ import annotations

import streamlit as st
from starlette.datastructures import Headers

from core.errors import AccessError
from pages._ui.serving.guard import check, is_active
from pages._ui.serving.hosts import Address, plain_ip
from pages._ui.serving.settings import ServerSettings


def check_visitor() -> None:
    """Check the visitor if the guard does not, because the page was started in another way than with app.py.

    Raises:
        AccessError: the visitor may not see the page.
        SettingError: a setting of the server is not valid.
    """
    headers = dict(st.context.headers)
    if is_active() or not headers:  # a test of the page has no visitor
        return
    settings, host = ServerSettings.current(), st.get_option("server.address") or ""
    check(Headers(headers), Address(plain_ip(host) or host, st.get_option("server.port")), settings.hosts)
    if settings.token:
        raise AccessError.no_guard()


def show_in_menu() -> None:
    """Say in the menu that other machines can open the dashboard."""
    if ServerSettings.current().shared:
        st.caption(":material/public: Open to other machines")


def show_on_home() -> None:
    """If other machines can open the dashboard, say on Home who can open it and what they see."""
    settings = ServerSettings.current()
    if settings.shared:
        st.info(settings.describe(), icon=":material/public:")
