"""What can be found out before the work, and would end it in the middle: settings that ask for what is not here, and a
folder that cannot be written.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from core.config import RunConfig
from core.errors import RunError, SettingError
from core.features import feature_catalogue, must_be_installed
from core.training import LEARNERS, check_device


def must_be_possible(config: RunConfig) -> None:
    """Find out before the work, not in the middle of it, that the settings ask for what is not here.

    Raises:
        SettingError: a feature that there is not, or a device that a learner's library cannot use.
        MissingPart: the engine's package is not installed.
    """
    names = [each.feature.name for each in feature_catalogue()]
    for name in config.rising:
        if name not in names:
            raise SettingError.unknown_feature("rising", name, names)
    must_be_installed(config.engine)
    check_device(config.device, [each for each in LEARNERS if each.name in config.learners])


def must_be_free(out: Path) -> None:
    """Find out before the work, not after it, that the run could not be written."""
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise RunError.folder_in_use(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent):
            pass
    except OSError as error:
        raise RunError.not_writable(out, error.strerror or str(error)) from error
