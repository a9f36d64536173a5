"""Training again what the package ships: the embedded bundle, the reference models, the judge, the encoder."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.api.environment import prepare_environment
from radbench.api.progress import Progress
from radbench.declared import model_path
from radbench.errors import UsageError
from radbench.reference import config_path
from radbench.runtime import DeviceName, resolve_device
from radbench.specs import load_yaml

if TYPE_CHECKING:
    from radbench.reference.declared_training import DeclaredTraining
    from radbench.reference.training.loop import TrainingReport


def train_diffusion(
    config: str,
    *,
    work: Path | None = None,
    out: Path | None = None,
    device: DeviceName = "auto",
    workers: int = 2,
    progress: Progress,
) -> None:
    """Train a diffusion bundle, or go on with it, and save it in the diffusers layout with its datasheet.

    Args:
        config: Name or YAML file of the configuration.
        work: Folder of the pool and the checkpoints; ``runs/<name>`` if None.
        out: Folder of the finished bundle; ``<work>/bundle`` if None. What is there is replaced in one step.
        device: Where to train.
        workers: Processes that render.
        progress: What is told how far it is.

    Raises:
        UsageError: An unknown or wrong configuration, or a folder that cannot be written to.
    """
    prepare_environment()
    from radbench.diffusion.training.config import TrainingConfig

    settings = load_yaml(config_path(config), TrainingConfig)
    folder = work or Path("runs") / settings.name
    target = out or folder / "bundle"
    for place, option in ((folder, "--work"), (target.parent, "--out")):
        _make(place, option)
    from radbench.reference.diffusion_bundle import BundleTraining, export_bundle

    with progress.stages() as report:
        training = BundleTraining(settings, folder, resolve_device(device), report, workers)
        training.train_decoder()
        training.train_denoiser()
    export_bundle(training, target, f"radbench train diffusion --config {config}")
    progress.note(f"Bundle: {target} (measure it with: radbench gates --bundle {target})")


def train_classifier(config: str, run: int = 0, *, progress: Progress) -> None:
    """Train a reference classifier and bring the digest in its declaration up to date.

    Args:
        config: Name or YAML file of the configuration.
        run: 0 for the main weights, n for the declaration's n-th checkpoint.
        progress: What is told how far it is.

    Raises:
        UsageError: An unknown or wrong configuration, or a folder that cannot be written to.
    """
    prepare_environment()
    from radbench.reference.declared_training import ClassifierTraining, train_reference_classifier

    training = load_yaml(config_path(config), ClassifierTraining)
    _train_declared(training, run, train_reference_classifier, progress)


def train_segmenter(config: str, run: int = 0, *, progress: Progress) -> None:
    """Train a reference segmenter and bring the digest in its declaration up to date.

    Args:
        config: Name or YAML file of the configuration.
        run: 0 for the main weights, n for the declaration's n-th checkpoint.
        progress: What is told how far it is.

    Raises:
        UsageError: An unknown or wrong configuration, or a folder that cannot be written to.
    """
    prepare_environment()
    from radbench.reference.declared_training import SegmenterTraining, train_reference_segmenter

    training = load_yaml(config_path(config), SegmenterTraining)
    _train_declared(training, run, train_reference_segmenter, progress)


def train_judge(out: Path, *, progress: Progress) -> None:
    """Train the judge of the gates on rendered images.

    Args:
        out: The safetensors file to write.
        progress: What is told how far it is.

    Raises:
        UsageError: The folder cannot be written to.
    """
    prepare_environment()
    _make(out.parent, "--out")
    from radbench.reference.judge import train_judge as train

    with progress.loop("Training the judge") as report:
        train(out, progress=lambda done, total, _: report(done, total))
    progress.note(f"Judge: {out}")


def _train_declared(
    training: "DeclaredTraining", run: int, train: Callable[..., "TrainingReport"], progress: Progress
) -> None:
    declaration = model_path(training.model)
    with progress.stages() as report:
        outcome = train(
            training,
            declaration,
            run,
            lambda done, total, loss: report(training.model, done, total, loss),
        )
    progress.note(f"{declaration}: loss {outcome.loss:.4f}, weights SHA-256 {outcome.weights_sha256}")


def train_encoder(out: Path, *, progress: Progress) -> None:
    """Train the image-text encoder of the phantom into ``out``; say how it scores edits whose quality is known.

    Args:
        out: The folder; an older encoder there is replaced.
        progress: What is told how far it is.

    Raises:
        UsageError: The folder cannot be written to.
    """
    prepare_environment()
    import torch

    from radbench.diffusion.bundle import load_bundle
    from radbench.reference.encoder import BundleAutoencoder, EncoderTraining
    from radbench.reference.encoder import train_encoder as train

    with progress.stages() as report:
        redraw = BundleAutoencoder(load_bundle("phantom", torch.device("cpu")))
        sheet = train(EncoderTraining(), out, "radbench train encoder", report, redraw)
    for kind, row in sheet["editing_score"].items():
        span = f"{row['low']:.2f} to {row['high']:.2f}"
        progress.note(f"{kind}: score {row['mean']:.2f} ({span}), kept {row['kept']:.0%}")
    progress.note(f"Encoder: {out}")


def _make(folder: Path, option: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file is in its place" if isinstance(error, FileExistsError) else error.strerror
        raise UsageError(
            f"The folder '{folder}' cannot be made: {reason}; choose another with {option}."
        ) from error
