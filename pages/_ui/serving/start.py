"""Start the server: create the guard with the current settings, and print the address and who can open it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware

from core.errors import SettingError
from pages._ui.serving.guard import Guard
from pages._ui.serving.hosts import Address
from pages._ui.serving.settings import ServerSettings

_WILDCARDS = (None, "", "0.0.0.0", "::")  # noqa: S104 (compared, not bound)


def guard() -> Middleware:
    """Return the guard. Settings that are not valid end the process with one sentence."""
    try:
        return Middleware(Guard, ServerSettings.current())
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from error


@asynccontextmanager
async def announced(app: object) -> AsyncIterator[None]:
    """Write the address, and who can open it, when the server starts."""
    host = st.get_option("server.address")
    address = Address("localhost" if host in _WILDCARDS else host, st.get_option("server.port"))
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    path = (st.get_option("server.baseUrlPath") or "").strip("/")
    url = f"{scheme}://{address}/{path}".rstrip("/")
    sys.stdout.write(f"\nSession Value Studio: {url}\n{ServerSettings.current().describe()}\n\n")
    sys.stdout.flush()
    yield
