"""Own columns of a log that has been read: what is known of them, and which ones are not used."""

from core.ingestion.own.cards import own_cards

__all__ = ["own_cards"]
