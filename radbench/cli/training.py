"""What ``radbench train`` does, with progress: the embedded diffusion bundle, the reference classifiers."""

from pathlib import Path

from rich.console import Console

from radbench.cli.environment import prepare_environment
from radbench.cli.progress import progress, stages
from radbench.declared import config_path, model_path
from radbench.errors import UsageError
from radbench.runtime import DeviceName, resolve_device
from radbench.specs import load_yaml


def train_diffusion(
    config: str,
    *,
    work: Path | None = None,
    device: DeviceName = "auto",
    workers: int = 2,
) -> None:
    """Train a diffusion bundle, or go on with it.

    Args:
        config: Name or YAML file of the configuration.
        work: Folder of the pool and the checkpoints; ``runs/<name>`` if None.
        device: Where to train.
        workers: Processes that render.

    Raises:
        UsageError: An unknown or wrong configuration, or a folder that cannot be written to.
    """
    prepare_environment()
    path = config_path(config)
    from radbench.diffusion.training.config import TrainingConfig

    settings = load_yaml(path, TrainingConfig)
    folder = work or Path("runs") / settings.name
    _make(folder)
    from radbench.reference.diffusion import BundleTraining

    console = Console()
    with stages(console) as report:
        training = BundleTraining(settings, folder, resolve_device(device), report, workers)
        training.train_decoder()
        training.train_denoiser()
    console.print(f"Trained: {folder}", soft_wrap=True, highlight=False, markup=False)


def train_classifier(config: str) -> None:
    """Train a reference classifier and bring the digest in its declaration up to date.

    Args:
        config: Name or YAML file of the configuration.

    Raises:
        UsageError: An unknown or wrong configuration, or a folder that cannot be written to.
    """
    prepare_environment()
    path = config_path(config)
    from radbench.reference.classifiers import ClassifierTraining, train_reference_classifier

    training = load_yaml(path, ClassifierTraining)
    declaration = model_path(training.model)
    console = Console()
    with progress(console, "Training") as report:
        outcome = train_reference_classifier(
            training, declaration, lambda done, total, _: report(done, total)
        )
    line = f"{declaration}: loss {outcome.loss:.4f}, weights SHA-256 {outcome.weights_sha256}"
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The working folder '{folder}' cannot be made: {error.strerror}; choose another with --work."
        ) from error
