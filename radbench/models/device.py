"""Which kind of device a name means, without importing torch where no GPU can be."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

_DRIVERS: Final = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd", "/proc/driver/nvidia")


def device_kind(device: "torch.device | str") -> str:
    """Return "cpu" or "cuda" for a torch device, "cpu", "cuda" or "auto".

    torch takes seconds to import, and a run whose predictions are all remembered does not need it: "auto" is
    the CPU where the machine has no GPU driver, and only otherwise is torch asked.

    Raises:
        UsageError: an unknown name, or "cuda" on a machine without a usable GPU.
    """
    if not isinstance(device, str):
        return device.type
    if device == "cpu" or (device == "auto" and not _may_have_gpu()):
        return "cpu"
    from radbench.runtime import resolve_device

    return resolve_device(device).type  # type: ignore[arg-type] # it says which names it knows


def _may_have_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None or any(Path(driver).exists() for driver in _DRIVERS)
