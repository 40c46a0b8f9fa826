"""Column mappings: how to read any shop's event log, from a TOML file, a shipped mapping or a guess.

Each module imports only those before it:

1. `time_format`, `fields`, `settings`, `refusals`, `consistency`, `definition`: what a mapping is.
2. `toml_file`: mappings as files, and the shipped ones.
3. `column_names`, `log_column`, `event_words`, `status_words`: what is known about shop logs.
4. `role_text`, `guess_builder`, `time_guess`, `event_guess`, `id_guess`, `order_guess`, `value_guess`: the steps of a
   guess.
5. `guess`, `completion`, `open_settings`: guess a mapping, complete one, and say what one still lacks.
"""

from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.guess import guess_mapping
from core.ingestion.mapping.guess_builder import Guess
from core.ingestion.mapping.toml_file import load_mapping, mapping_text, shipped_names

__all__ = ["Guess", "Mapping", "guess_mapping", "load_mapping", "mapping_text", "shipped_names"]
