"""Text for visitors from other machines, who do not see file paths and databases of the server."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from core.base.workspace import Workspace
from pages._ui.serving.settings import ServerSettings

ONLY_UPLOADS = (
    "Only uploads are possible here, because other machines can open this dashboard. To allow files and databases of "
    "the server, the administrator sets `SVS_ALLOW_LOCAL_FILES=1`."
)
_PROJECT = Path(__file__).resolve().parents[3]
_HIDDEN = "(hidden)"
_URL = re.compile(r"\b(?!https?://)[a-zA-Z][\w+.-]*://[^\s'\"<>]*")
_PATH = re.compile(r"(?<![\w./\\])(?:[A-Za-z]:)?(?:[\\/][^\s\\/:'\"<>|,;()]+)+[\\/]([^\s\\/:'\"<>|,;()]*)")


def shows_files() -> bool:
    """Return whether visitors see file paths and databases of the server."""
    return ServerSettings.current().shows_files


def for_visitors(text: str) -> str:
    """Return a message or a name as visitors may see it: of paths, only the end; of database addresses, nothing."""
    return text if shows_files() else without_paths(text)


def without_paths(text: str) -> str:
    """Return a text without the folders of absolute paths and without database addresses.

    >>> without_paths("/data/shop/train.csv is empty; see postgresql://user@db.shop.example/shop")
    'train.csv is empty; see (hidden)'
    """
    text = _URL.sub(_HIDDEN, text)
    for folder in (Workspace.from_environment().root, _PROJECT, Path.cwd(), Path.home(), Path(tempfile.gettempdir())):
        if folder.parent != folder:  # the known ones first, because they may have spaces
            text = re.sub(rf"(?<![\w.-]){re.escape(str(folder))}(?:[\\/]|(?![\w.-]))", "/_/", text)
    return _PATH.sub(lambda match: match[1] or _HIDDEN, text)
