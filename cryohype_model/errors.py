"""The errors that a user can cause. Each message is one sentence: what, where, which value, and the remedy."""

from __future__ import annotations


class CryoHypeError(Exception):
    """Base of every error that is the input's fault and not ours; the command line prints it and exits with 2."""


class InputFileError(CryoHypeError):
    """A file is missing, truncated, of the wrong kind, or contradicts another file."""


class ConfigError(CryoHypeError):
    """A configuration key or value is unknown or impossible."""


class RunError(CryoHypeError):
    """A run folder is missing, incomplete, of another version, or in use."""


class TrainingError(CryoHypeError):
    """Training cannot go on: not-a-number loss, out of memory, no poses."""


class MetricError(CryoHypeError):
    """A metric is not defined on this input."""
