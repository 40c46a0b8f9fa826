"""Settings of the server, from environment variables and Streamlit's configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import streamlit as st

from core.errors import SettingError
from pages._ui.serving.hosts import AllowedHosts, is_local

_HOSTS_ALLOWED = "host names separated by commas, each with an optional port, such as studio.example.com"


@dataclass(frozen=True)
class ServerSettings:
    """Who may open the dashboard, and what it shows of the server.

    Attributes:
        hosts: addresses at which it answers.
        token: what visitors enter to log in; empty if there is no log-in.
        shared: whether other machines can open it.
        shows_files: whether visitors see file paths, and may read files and databases of the server.
        base: path below which the dashboard is served; empty for none.
    """

    hosts: AllowedHosts
    token: str = field(repr=False)
    shared: bool
    shows_files: bool
    base: str = ""

    @classmethod
    def current(cls) -> ServerSettings:
        """Return the settings.

        Raises:
            SettingError: `SVS_ALLOWED_HOSTS` or `SVS_ALLOW_LOCAL_FILES` is not valid.
        """
        text = os.environ.get("SVS_ALLOWED_HOSTS", "")
        hosts = AllowedHosts.parse(part.strip() for part in text.split(",") if part.strip())
        if hosts is None:
            raise SettingError.not_allowed("SVS_ALLOWED_HOSTS", text, _HOSTS_ALLOWED)
        switch = os.environ.get("SVS_ALLOW_LOCAL_FILES", "")
        if switch not in ("", "0", "1"):
            raise SettingError.not_allowed("SVS_ALLOW_LOCAL_FILES", switch, "0 or 1")
        shared = not (is_local(st.get_option("server.address")) and hosts.local)
        shows_files, base = not shared or switch == "1", st.get_option("server.baseUrlPath") or ""
        return cls(hosts, os.environ.get("SVS_TOKEN", "").strip(), shared, shows_files, base)

    def describe(self) -> str:
        """Say who can open the dashboard and what they see of the server."""
        if not self.shared:
            return (
                "Only this machine can open it." if not self.token else "Only this machine can open it, with a token."
            )
        who = "Other machines can open this dashboard" + (", with the token." if self.token else ", without a log-in.")
        if self.shows_files:
            return f"{who} Visitors can read files and databases of the server."
        return f"{who} File paths and databases of the server are hidden."
