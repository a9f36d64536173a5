"""How everything the package ships is made and judged: the embedded diffusion bundle and the reference models.

Training configurations are those that the package carries, and those of the user.
"""

from pathlib import Path

from radbench.errors import UsageError, did_you_mean

_FOLDER = Path(__file__).parent / "configs"


def config_path(name: str) -> Path:
    """Return the YAML file of a training configuration: a file's path, or the name of one in the package.

    Raises:
        UsageError: neither a file nor a known name.
    """
    path = Path(name).expanduser()
    if path.suffix in {".yaml", ".yml"}:
        if path.is_file():
            return path
        raise UsageError(f"The training configuration {path} does not exist; give a YAML file that does.")
    known = sorted(file.stem for file in _FOLDER.glob("*.yaml"))
    if name not in known:
        raise UsageError(
            f"Unknown training configuration '{name}'; known are {', '.join(known)}, or give the path of a YAML file."
            + did_you_mean(name, known)
        )
    return _FOLDER / f"{name}.yaml"
