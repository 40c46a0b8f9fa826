"""Pages that are served without Streamlit, such as the log-in."""

from __future__ import annotations

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Session Value Studio</title>
<style>
:root {{ color-scheme: light dark; font-family: system-ui, sans-serif; }}{style}</style>
</head>
<body>
<main>
{content}
</main>
</body>
</html>
"""


def plain_page(title: str, content: str, style: str) -> str:
    """Return a page as HTML. Texts from outside must be escaped in `content`.

    Args:
        title: title of the browser's tab.
        content: HTML of the main part.
        style: rules of CSS, on lines of their own.
    """
    return _PAGE.format(title=title, content=content, style=style)
