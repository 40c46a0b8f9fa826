"""Elements of the report's page. Every text is escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from core.eda.parts import export
from core.eda.parts.theme import Figure

_STYLE: Final = """
:root { --ink: #1f2937; --soft: #4b5563; --line: #d1d5db; --accent: #3b5bdb; --tint: #f3f5fc; }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); background: #fff;
  max-width: 880px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.75rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p, li { max-width: 72ch; }
.about { color: var(--soft); margin-top: 0; }
.brief { background: var(--tint); border-left: 4px solid var(--accent); padding: .9rem 1.2rem; }
.brief ul { margin: 0; padding-left: 1.1rem; }
.note { color: var(--soft); font-size: .9rem; }
.label { display: inline-block; border: 1px solid var(--accent); border-radius: 1rem; padding: 0 .7rem;
  font-size: .85rem; color: var(--accent); }
.label.test { border-color: var(--soft); color: var(--soft); }
figure { margin: 1.25rem 0; }
figure img { width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .25rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums;
  margin: .75rem 0; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
.number { text-align: right; } td.number { white-space: nowrap; }
ol li { margin-bottom: .6rem; }
dl { display: grid; grid-template-columns: minmax(9rem, 14rem) 1fr; gap: .3rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; }
@media (max-width: 560px) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .6rem; } }
@page { size: A4; margin: 16mm 15mm 18mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt system-ui, sans-serif; color: #4b5563; } }
@media print {
  body { font-size: 10.5pt; max-width: none; padding: 0; }
  h1 { font-size: 20pt; } h2 { font-size: 14pt; margin-top: 1.6rem; } h3 { font-size: 11.5pt; }
  h2, h3 { break-after: avoid; } p, li, figure, tr, .brief, .together { break-inside: avoid; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; } .brief, .label { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
_PICTURE_WIDTH: Final = 680
"""Width of the charts in pixels. It is less than that of the page, so that their labels are enlarged."""
_MAX_ROWS_TOGETHER: Final = 15
"""A table of at most so many rows is printed on one page."""
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The page may load nothing and run nothing."""


def text(content: object) -> str:
    """Return a text as HTML."""
    return html.escape(str(content))


def paragraph(content: str, kind: str = "") -> str:
    """Return a paragraph of plain text; `kind` is a class of the style sheet."""
    return f"<p{_class(kind)}>{text(content)}</p>"


def bullets(lines: Iterable[str]) -> str:
    """Return a list of plain texts."""
    return f"<ul>{''.join(f'<li>{text(line)}</li>' for line in lines)}</ul>"


def numbered(items: Iterable[tuple[str, str, str]]) -> str:
    """Return a numbered list. Each item is (lead in bold, sentence, detail in small type)."""
    entries = (
        f'<li><strong>{text(lead)}.</strong> {text(sentence)}<br><span class="note">{text(detail)}</span></li>'
        for lead, sentence, detail in items
    )
    return f"<ol>{''.join(entries)}</ol>"


def section(title: str, *parts: str) -> str:
    """Return a section with its heading."""
    content = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{text(title)}</h2>\n{content}\n</section>"


def heading(title: str) -> str:
    """Return a heading inside a section."""
    return f"<h3>{text(title)}</h3>"


def together(*parts: str) -> str:
    """Return parts that are printed on the same page."""
    return f'<div class="together">{"".join(parts)}</div>'


def table(rows: Sequence[Mapping[str, object]], numbers: Iterable[str] = (), caption: str = "") -> str:
    """Return a table of formatted cells; empty without rows.

    Args:
        rows: column -> cell, with the same columns in each row.
        numbers: the right-aligned columns.
    """
    numbers = set(numbers)
    if not rows:
        return ""
    kinds = {name: _class("number" if name in numbers else "") for name in rows[0]}
    head = "".join(f'<th scope="col"{kind}>{text(name)}</th>' for name, kind in kinds.items())
    body = "\n".join(
        f"<tr>{''.join(f'<td{kinds[name]}>{text(cell)}</td>' for name, cell in row.items())}</tr>" for row in rows
    )
    title = f'<caption class="note" style="text-align: left">{text(caption)}</caption>' if caption else ""
    kind = "scroll together" if len(rows) <= _MAX_ROWS_TOGETHER else "scroll"
    # a table that scrolls must be reachable with the keyboard
    return (
        f'<div class="{kind}" tabindex="0" role="region" aria-label="{text(caption or "Table")}"><table>{title}'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def definitions(pairs: Mapping[str, object]) -> str:
    """Return a list of terms with their contents."""
    return f"<dl>{''.join(f'<dt>{text(term)}</dt><dd>{text(content)}</dd>' for term, content in pairs.items())}</dl>"


def picture(figure: Figure | None, caption: str, height: int | None = None) -> str:
    """Return a chart as a picture, with its finding as caption and as alternative text.

    Args:
        height: height of the chart in pixels; None for its own.
    """
    if figure is None:
        return ""
    encoded = base64.b64encode(export.render_picture(figure, "svg", _PICTURE_WIDTH, height)).decode()
    source = f"data:image/svg+xml;base64,{encoded}"
    return f'<figure><img src="{source}" alt="{text(caption)}"><figcaption>{text(caption)}</figcaption></figure>'


def document(title: str, about: str, body: Iterable[str]) -> bytes:
    """Return the whole page."""
    content = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style></head>\n'
        f'<body><main>\n<h1>{text(title)}</h1>\n<p class="about">{text(about)}</p>\n{content}\n</main></body></html>\n'
    ).encode()


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
