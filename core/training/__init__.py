"""Training: from features to out-of-fold predictions, test predictions and the expected score."""

from core.training.cross_fitting import CrossFit
from core.training.estimator import SessionValueStack
from core.training.fitting import check_device
from core.training.leakage_certificate import certify_training
from core.training.learners import LEARNERS, Matrix, Vector
from core.training.prepared_folds import PreparedFolds, prepare
from core.training.stacking import Stack
from core.training.tables import coverage_frame, oof_frame, per_session, prediction_frame, value_frame
from core.training.train import Training, mean_squared_error, train
from core.training.training_set import TrainingSet, training_set
from core.training.tuning import tune

__all__ = [
    "LEARNERS",
    "CrossFit",
    "Matrix",
    "PreparedFolds",
    "SessionValueStack",
    "Stack",
    "Training",
    "TrainingSet",
    "Vector",
    "certify_training",
    "check_device",
    "coverage_frame",
    "mean_squared_error",
    "oof_frame",
    "per_session",
    "prediction_frame",
    "prepare",
    "train",
    "training_set",
    "tune",
    "value_frame",
]
