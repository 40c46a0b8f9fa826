"""Entry point of the command line: runs one verb and turns its outcome into output and an exit code.

Exit codes: 0 done, 1 a check failed, 2 bad input or usage, 70 a defect of the program, 130 cancelled. With --json, the
last line of the output is one JSON object. Errors are one message on the error stream, without a traceback.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence

from core.cli.parser import build_parser
from core.errors import StudioError

_ON_INTERRUPT = "Cancelled. If you start the same run again, it resumes."
EXIT_DONE, EXIT_DEFECT, EXIT_CANCELLED = 0, 70, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code. `arguments` defaults to those of the process."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in arguments
    try:
        options = build_parser().parse_args(arguments)
        code, content, text = options.verb(options)
        _print(json.dumps(content, ensure_ascii=False) if as_json else text)
    except StudioError as error:
        return _fail(str(error), error.exit_code, error.code, as_json=as_json)
    except KeyboardInterrupt:
        return _fail(_ON_INTERRUPT, EXIT_CANCELLED, "cancelled", as_json=as_json)
    except BrokenPipeError:  # the reader of the output has ended, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception as error:  # noqa: BLE001 (a defect: the traceback goes to a file)
        return _fail(_defect(error), EXIT_DEFECT, "defect", as_json=as_json)
    return int(code)


def _fail(message: str, exit_code: int, error_code: str, *, as_json: bool) -> int:
    print(message, file=sys.stderr)  # noqa: T201 (this is the command line)
    if as_json:
        _print(json.dumps({"error": message, "code": error_code}, ensure_ascii=False))
    return exit_code


def _defect(error: Exception) -> str:
    """Write the traceback to a file and return a message that names it."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="session-value-studio-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write("".join(traceback.format_exception(error)))
    return f"The program failed because of a defect ({type(error).__name__}). Please report it with {log.name}."


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 (this is the command line)
