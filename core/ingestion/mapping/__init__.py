"""Column mappings: how to read any shop's event log, from a TOML file, a shipped mapping or a guess.

- `definition` defines a mapping with its `settings` and `nested_settings`, their types (`fields`) and `consistency`.
- `toml_file` reads and writes mappings. The shipped ones are in `shipped/`.
- `column_names`, `event_words` and `status_words` list the words that shops use.
- `guess` guesses a mapping; the modules `*_guess` are its steps. They share a `guess_builder`. `column_copies`,
  `own_content`, `own_level`, `own_names` and `own_text` belong to the step `own_guess`.
- `completion` completes a mapping, and `open_settings` explains what it still lacks.
"""

from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.guess import guess_mapping
from core.ingestion.mapping.guess_builder import Guess
from core.ingestion.mapping.toml_file import load_mapping, mapping_text, shipped_names

__all__ = ["Guess", "Mapping", "guess_mapping", "load_mapping", "mapping_text", "shipped_names"]
