"""An SQL query as a source of events."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Query:
    """An SQL query, and the URL of its database as SQLAlchemy writes it: `postgresql+psycopg://user@host/shop`."""

    url: str = field(repr=False)  # may contain a password
    sql: str

    @property
    def name(self) -> str:
        """The URL for display, without its password and its options."""
        from sqlalchemy import make_url  # noqa: PLC0415 (it takes a quarter of a second to load)
        from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

        try:
            address = make_url(self.url)
        except (ArgumentError, ValueError):
            return "the database"
        host = address.host and address.host.rpartition("@")[2]
        return address.set(query={}, host=host).render_as_string(hide_password=True)
