"""Checks of the settings and the output folder before a run starts, so that it does not fail halfway."""

from __future__ import annotations

from pathlib import Path

from core.base.files import scratch_folder
from core.config import RunConfig
from core.errors import RunError, SettingError
from core.features import feature_catalogue, must_be_installed
from core.own_columns import PREFIX
from core.training import LEARNERS, check_device
from core.training.learners.hyperparameters import check_hyperparameters


def check_settings(config: RunConfig) -> None:
    """Check that the settings can be used on this machine.

    Raises:
        SettingError: a feature or a hyperparameter does not exist, or the library of a learner does not support the
            device.
        MissingPart: the package of the engine is not installed.
    """
    features = [entry.feature.name for entry in feature_catalogue(features=config.features)]
    for name in config.rising:
        if name not in features and not name.startswith(PREFIX):  # own columns are known only with the dataset
            raise SettingError.unknown_feature("rising", name, features)
    check_hyperparameters(LEARNERS, config.hyperparameters)
    must_be_installed(config.engine)
    check_device(config.device, [learner for learner in LEARNERS if learner.name in config.learners])


def check_output_folder(out: Path) -> None:
    """Check that a run can be written to the folder.

    Raises:
        RunError: the folder is not empty, or it cannot be created.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise RunError.folder_in_use(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(out.parent, f".{out.name}."):
            pass
    except OSError as error:
        raise RunError.not_writable(out, error.strerror or str(error)) from error
