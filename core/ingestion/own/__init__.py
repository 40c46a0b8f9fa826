"""Own columns of a log that has been read: their statistics, and which ones are not used."""

from core.ingestion.own.cards import own_cards

__all__ = ["own_cards"]
