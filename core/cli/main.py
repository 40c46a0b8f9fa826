"""Entry point of the command line: runs one verb, prints its outcome and returns an exit code.

Exit codes: 0 done, 1 a check failed, 2 bad input or usage, 70 a bug in the program, 130 cancelled. With --json, the
last line of the output is one JSON object. An error is one message on the error stream, without a traceback.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module

from core.base.number_format import PLAIN, using_format
from core.cli.output import EXIT_DONE, Outcome, show
from core.cli.parser import build_parser
from core.errors import Cancelled, StudioError


class _UnexpectedError(StudioError):
    """A bug in the program."""

    exit_code = 70
    code = "defect"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code. `arguments` defaults to those of the process."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in arguments
    try:
        options = build_parser().parse_args(arguments)
        module, function = options.verb.split(".")
        with using_format(PLAIN):  # a verb enters the format of its dataset
            outcome: Outcome = getattr(import_module(f"core.cli.verbs.{module}"), function)(options)
        text = json.dumps(outcome.content, ensure_ascii=False) if as_json else outcome.text
        show(text)
    except StudioError as error:
        return _fail(error, as_json=as_json)
    except KeyboardInterrupt:
        return _fail(Cancelled("Cancelled. If you start the same run again, it resumes."), as_json=as_json)
    except BrokenPipeError:  # the reader of the output has ended, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception as error:  # noqa: BLE001 (a bug: its traceback goes to a file)
        return _fail(_UnexpectedError(_log_bug(error)), as_json=as_json)
    return outcome.exit_code


def _fail(error: StudioError, *, as_json: bool) -> int:
    show(str(error), sys.stderr)
    if as_json:
        show(json.dumps({"error": str(error), "code": error.code}, ensure_ascii=False))
    return error.exit_code


def _log_bug(error: Exception) -> str:
    """Write the traceback to a file and return a message that names the file; or to the error stream if it must."""
    text = "".join(traceback.format_exception(error))
    problem = f"Unexpected error ({type(error).__name__}). This is a bug: please report it"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="session-value-studio-", suffix=".log", delete=False, encoding="utf-8"
        ) as log:
            log.write(text)
    except OSError:  # no temporary folder can be written to
        return f"{text}{problem} with the text above."
    return f"{problem} and attach {log.name}."
