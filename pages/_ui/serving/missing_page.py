"""The answer to an address without a page. Streamlit itself shows Home, or an empty window below a page's address."""

from __future__ import annotations

from html import escape
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from pages._ui.serving.plain_page import plain_page

_PAGES = frozenset(file.stem.partition("_")[2] for file in Path(__file__).parents[2].glob("[0-9]*_*.py"))
"""Addresses of the pages besides Home, as Streamlit makes them from the names of the files."""
_OF_SERVER = ("_stcore", "static", "media", "component", "app", "vendor")
"""First parts of the addresses that Streamlit answers itself."""
_MAX_SHOWN = 80
"""Characters of the address that the page repeats."""
_STYLE = """
main { max-width: 34rem; margin: 15vh auto 0; padding: 0 1rem; line-height: 1.5; }
"""
_CONTENT = """<h1>There is no page at this address</h1>
<p>The dashboard has no page {path}. The link may be from an older version, or misspelled.</p>
<p><a href="{home}">Go to Home</a></p>"""


def leads_nowhere(path: str, base: str = "") -> bool:
    """Return whether the dashboard has no page at the path of an address.

    Args:
        base: path below which the dashboard is served.

    >>> leads_nowhere("/"), leads_nowhere("/Explore"), leads_nowhere("/Explore/"), leads_nowhere("/static/js/a.js")
    (False, False, False, False)
    >>> leads_nowhere("/Reports"), leads_nowhere("/Explore/Value"), leads_nowhere("/team/Data", "team")
    (True, True, False)
    """
    inner = path.strip("/")
    if base.strip("/") and (inner + "/").startswith(base.strip("/") + "/"):
        inner = inner[len(base.strip("/")) :].strip("/")
    first, *_ = inner.split("/")
    return bool(inner) and inner not in _PAGES and first not in _OF_SERVER and "." not in inner.rpartition("/")[2]


def missing_page(scope: Scope, base: str = "") -> Response | None:
    """Return a page that says so if a browser opens an address that leads nowhere; otherwise None."""
    headers = Headers(scope=scope)
    opens_page = headers.get("sec-fetch-dest", "document") == "document" and "text/html" in headers.get("accept", "")
    if scope["type"] != "http" or scope["method"] != "GET" or not opens_page or not leads_nowhere(scope["path"], base):
        return None
    home = f"/{base.strip('/')}/" if base.strip("/") else "/"
    shown = escape(scope["path"][:_MAX_SHOWN])
    page = plain_page("Page not found", _CONTENT.format(path=shown, home=escape(home)), _STYLE)
    return HTMLResponse(page, 404, {"Cache-Control": "no-store"})
