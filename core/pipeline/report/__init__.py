"""The report of a run for readers who never saw the tool: one HTML file that needs no network and prints on A4.

`page` puts the report together, `sections` and `appendix` have its sections, and `html` the elements of the page.
"""

from core.pipeline.report.limits import known_users, model_limits
from core.pipeline.report.page import report_page

__all__ = ["known_users", "model_limits", "report_page"]
