"""Environment variables that keep libraries quiet and off the network; set before any of them is imported."""

import os

_QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
}
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DIFFUSERS_OFFLINE": "1"}


def prepare_environment(*, hub: bool = False) -> None:
    """Switch telemetry off and, unless a hub repository was asked for, the hub as well.

    What the user has set already is left alone.

    Args:
        hub: Whether a part of the work was declared to come from the Hugging Face hub.
    """
    for name, value in (_QUIET if hub else _QUIET | _OFFLINE).items():
        os.environ.setdefault(name, value)
