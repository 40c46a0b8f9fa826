"""The style sheet of all pages: what Streamlit's theme has no setting for.

Streamlit leaves 90 pixels above a page and 75 on each side. These rules leave less, so that the first screen has the
finding and the main chart.
"""

from __future__ import annotations

import streamlit as st

from core.eda.parts.theme import Theme

DARK_BUTTON_TEXT, DARK_BUTTON_HOVER = "#10141C", "#A9B9FC"
GRID = "grid"
"""Start of the key of a container whose elements are in two columns on a wide screen."""
PAIR = "pair"
"""Start of the key of a container with two elements that are compared, side by side except on a phone."""
_WIDE, _NARROW = 1_400, 768
"""Pixels: windows with room for two charts side by side, and phones."""
_VIEWS = '[data-testid="stElementContainer"]:has([role="radiogroup"][aria-label="View"])'
"""The choice of a view, which stays at the top of the window."""
_TOOLBAR = '[data-testid="stElementToolbar"] button'
"""The buttons above a chart. Fewer of them are fewer stops for the keyboard; charts in a grid have a download menu."""
_OPEN_SIDEBAR = '[data-testid="stExpandSidebarButton"]'
"""The button above the page that opens the sidebar, if it is closed, as it is on a phone."""
_SPACES = f"""
[data-testid="stMainBlockContainer"] {{ padding: 1.5rem 2.5rem 4rem; }}
[data-testid="stMainBlockContainer"] h1 {{ padding: 0; }}
[data-testid="stSidebarHeader"] {{ height: 2rem; margin-bottom: 0; }}
[class*="st-key-{GRID}"] {{ display: grid; grid-template-columns: minmax(0, 1fr); column-gap: 2.5rem; }}
@media (min-width: {_WIDE}px) {{
  [class*="st-key-{GRID}"] {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }}
}}
[class*="st-key-{PAIR}"] {{ display: grid; grid-template-columns: minmax(0, 1fr); column-gap: 2.5rem; }}
@media (min-width: {_NARROW}px) {{
  [class*="st-key-{PAIR}"] {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }}
}}
[class*="st-key-manage-"] [data-testid="stPopoverButton"] div[aria-hidden] {{ display: none; }}
[data-testid="stSidebar"] [data-testid="stSelectbox"] input {{ text-overflow: ellipsis; }}
[data-testid="stCaptionContainer"] code {{ color: inherit; }}
{_TOOLBAR}[aria-label="Copy Vega-Lite spec"] {{ display: none; }}
:is([class*="st-key-{GRID}"], [class*="st-key-{PAIR}"]) {_TOOLBAR}[aria-label="Download as PNG"] {{ display: none; }}
{_VIEWS} {{ position: sticky; top: 0; z-index: 20; width: 100%; padding: 0.4rem 0; }}
@media (max-width: {_NARROW}px) {{
  [data-testid="stMainBlockContainer"] {{ padding: 1.5rem 1rem 4rem; }}
  [data-testid="stElementContainer"] {{ max-width: 100%; }}
  {_VIEWS} [role="radiogroup"] {{ flex-wrap: nowrap; overflow-x: auto; }}
  {_VIEWS} [role="radio"] {{ flex-shrink: 0; }}
}}
.stApp:has({_OPEN_SIDEBAR}) [data-testid="stMainBlockContainer"] {{ padding-top: 4.25rem; }}
.stApp:has({_OPEN_SIDEBAR}) {_VIEWS} {{ top: 3.75rem; }}
"""
_ON_PRIMARY = '[data-testid="stBaseButton-primary"], [data-testid="stMultiSelect"] :is([data-tag], [data-tag] *)'
_DARK_BUTTONS = f"""
{_ON_PRIMARY} {{ color: {DARK_BUTTON_TEXT}; }}
[data-testid="stBaseButton-primary"]:is(:hover, :focus, :active) {{
  background-color: {DARK_BUTTON_HOVER}; border-color: {DARK_BUTTON_HOVER}; color: {DARK_BUTTON_TEXT};
}}
"""
"""Streamlit writes white on the primary colour, which is pale in the dark theme so that it can be read as text. Under
the mouse, it would make the button too dark for dark text."""


def style_sheet(theme: Theme, background: str) -> str:
    """Return the style sheet of a theme, whose pages have this background colour."""
    buttons = _DARK_BUTTONS if theme == "dark" else ""
    return f"<style>{_SPACES}{_VIEWS} {{ background: {background}; }} {buttons}</style>"


def apply_style(theme: Theme) -> None:
    """Apply the style sheet to the page."""
    st.html(style_sheet(theme, str(st.get_option(f"theme.{theme}.backgroundColor"))))
