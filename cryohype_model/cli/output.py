"""What a command prints: progress and tables to standard error, one JSON object to standard output when asked."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from rich.console import Console

console = Console(stderr=True)


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """The option that every measuring command has."""
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")


def print_json(result: dict[str, Any]) -> None:
    """One JSON object on one line of standard output; not-a-number becomes null."""
    sys.stdout.write(json.dumps(_finite(result)) + "\n")
    sys.stdout.flush()


def _finite(value: Any) -> Any:
    """The same value with Python numbers only and null for anything not finite."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, float) and not (value == value and abs(value) != float("inf")):
        return None
    return value
