"""The loader: a folder, the embedded bundle or an assembly of parts becomes one ``Bundle``.

Weights are safetensors (a text encoder's older ``pytorch_model.bin`` is converted to them), no code from a repository
is run, no weight is made up, and nothing is fetched unless a part names the hub. What edits never knows which of the
three it has.
"""

import contextlib
import importlib.util
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from radbench.declared import cache_dir
from radbench.diffusion.assembly import (
    PICKLED,
    Assembly,
    ComponentRef,
    bundle_digests,
    read_json,
    resolve,
    weight_files,
)
from radbench.diffusion.encoding import attends_to_padding, longest_prompt
from radbench.errors import RadbenchError, UsageError, did_you_mean
from radbench.runtime import atomic_write, canonical_json, sha256_bytes, sha256_file

_SCHEDULERS = ("DDIMScheduler", "DDPMScheduler")
_ENCODERS = {"cxr-bert": "BertModel"}
_TOKENIZERS = {"cxr-bert": "BertTokenizerFast"}
"""Model types that transformers has under another name; their repositories bring code, which is not run."""


@dataclass(frozen=True)
class Bundle:
    """A text-conditioned latent diffusion model, ready to edit.

    Attributes:
        unet: ``UNet2DConditionModel`` in evaluation mode.
        vae: ``AutoencoderKL``, float32.
        text_encoder: transformers encoder.
        tokenizer: transformers tokenizer.
        scheduler: DDIM or DDPM scheduler; only its schedule is used.
        name: name for people.
        digests: SHA-256 by component (see ``assembly``).
        max_length: longest prompt in tokens, to which prompts are padded.
        attend_to_padding: whether words attend to the padding.
    """

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    name: str
    digests: Mapping[str, str]
    max_length: int
    attend_to_padding: bool

    @property
    def device(self) -> torch.device:
        """Return where the networks live."""
        return torch.device(self.unet.device)


def load_bundle(ref: str | Path | Assembly = "phantom", device: torch.device | str = "cpu") -> Bundle:
    """Load and verify a bundle.

    Args:
        ref: ``"phantom"`` for the embedded one, a folder in diffusers' layout, or an assembly.
        device: where its networks go.

    Raises:
        UsageError: a part is missing, damaged, lacks weights, is not safetensors, of an unknown class, or differs from
            the datasheet.
    """
    assembly = resolve(ref)
    digests = bundle_digests(assembly)
    folders = assembly.folders()
    with quiet_libraries():
        unet = _network("unet", folders["unet"], "UNet2DConditionModel", device)
        vae = _network("vae", folders["vae"], "AutoencoderKL", device)
        text_encoder = _text_encoder(folders["text_encoder"], device)
        tokenizer = _tokenizer(folders["tokenizer"])
        scheduler = _scheduler(assembly, folders)
    length = assembly.max_length or longest_prompt(tokenizer, text_encoder)
    declared = assembly.attend_to_padding
    padding = attends_to_padding(text_encoder) if declared is None else declared
    return Bundle(unet, vae, text_encoder, tokenizer, scheduler, assembly.name, digests, length, padding)


def _network(name: str, folder: Path, expected: str, device: torch.device | str) -> Any:
    import diffusers

    found = _config(folder / "config.json").get("_class_name", expected)
    if found != expected:
        raise UsageError(f"The {name} in {folder} is a {found}; expected a {expected}.")
    cls = getattr(diffusers, expected)
    model, info = _read(
        name,
        folder,
        lambda: cls.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            variant=None,
            torch_dtype=torch.float32,
            low_cpu_mem_usage=has_accelerate(),
            output_loading_info=True,
        ),
    )
    _refuse_gaps(name, folder, info)
    return model.to(device).eval().requires_grad_(False)


def _text_encoder(folder: Path, device: torch.device | str) -> Any:
    import transformers

    kind = str(_config(folder / "config.json").get("model_type", ""))
    cls = getattr(transformers, _ENCODERS[kind]) if kind in _ENCODERS else _encoder_class(kind)
    plain = "add_pooling_layer" in inspect.signature(cls.__init__).parameters
    options = {"add_pooling_layer": False} if plain else {}  # what reads the text needs no pooled sentence
    pickled = [file.name for file in weight_files(folder, "text_encoder")] == [PICKLED]
    place = converted(folder / PICKLED, folder / "config.json") if pickled else folder
    model, info = _read(
        "text_encoder",
        folder,
        lambda: cls.from_pretrained(
            place, use_safetensors=True, local_files_only=True, output_loading_info=True, **options
        ),
    )
    _refuse_gaps("text_encoder", folder, info)
    return model.to(device=device, dtype=torch.float32).eval().requires_grad_(False)


def _refuse_gaps(component: str, folder: Path, info: Mapping[str, Any]) -> None:
    """Raise a UsageError if a library filled in a weight that the file does not have: it would be noise."""
    missing = sorted(info.get("missing_keys", ()))
    if missing:
        raise UsageError(
            f"The weights of the {component} in {folder} lack {len(missing)} of those that its configuration asks for, "
            f"the first is '{missing[0]}'; expected the file that belongs to config.json."
        )


def _encoder_class(kind: str) -> Any:
    """Return the class that transformers has for a model type, or the one that finds out for itself."""
    import transformers

    if kind not in transformers.CONFIG_MAPPING:
        return transformers.AutoModel
    found = transformers.MODEL_MAPPING.get(transformers.CONFIG_MAPPING[kind], transformers.AutoModel)
    return found[0] if isinstance(found, tuple) else found


def _tokenizer(folder: Path) -> Any:
    import transformers

    config = folder / "config.json"
    kind = str(_config(config).get("model_type", "")) if config.is_file() else ""
    cls = getattr(transformers, _TOKENIZERS.get(kind, "AutoTokenizer"))
    return _read("tokenizer", folder, lambda: cls.from_pretrained(folder, local_files_only=True))


def _scheduler(assembly: Assembly, folders: Mapping[str, Path]) -> Any:
    import diffusers

    if isinstance(assembly.scheduler, ComponentRef):
        place = f"{folders['scheduler'] / 'scheduler_config.json'}"
        settings = _config(folders["scheduler"] / "scheduler_config.json")
    else:
        place, settings = f"assembly '{assembly.name}'", dict(assembly.scheduler)
    name = str(settings.get("_class_name", "DDIMScheduler"))
    if name not in _SCHEDULERS:
        hint = did_you_mean(name, _SCHEDULERS)
        raise UsageError(
            f"The scheduler of {place} is {name!r}; expected one of {', '.join(_SCHEDULERS)}.{hint}"
        )
    cls = getattr(diffusers, name)
    known = set(cls().config)
    unknown = next((key for key in settings if not key.startswith("_") and key not in known), None)
    if unknown is not None:
        hint = did_you_mean(unknown, known)
        raise UsageError(f"The scheduler of {place} has an unknown setting {unknown!r}.{hint}")
    return _read("scheduler", Path(place), lambda: cls.from_config(settings))


def _config(path: Path) -> dict[str, Any]:
    content = read_json(path, "configuration")
    if not isinstance(content, dict):
        raise UsageError(
            f"The configuration {path} holds a {type(content).__name__}; expected a JSON object."
        )
    return content


def _read(component: str, place: Path, load: Callable[[], Any]) -> Any:
    """Call a library's loader; whatever it raises becomes one sentence that names the component."""
    try:
        return load()
    except RadbenchError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:300] or type(error).__name__
        raise UsageError(
            f"Cannot load the {component} from {place}; the file is damaged or does not fit: {text}"
        ) from error


def has_accelerate() -> bool:
    """Return whether diffusers can load weights with little memory; asked to without, it complains."""
    return importlib.util.find_spec("accelerate") is not None


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hold back the loaders' log lines and progress bars: what matters to the user is raised."""
    import diffusers  # noqa: F401  (their first import sets the levels)
    from transformers.utils import logging as bars

    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if shown:
            bars.enable_progress_bar()


PICKLED_VERSION = 1
"""Raised whenever the same pickle would be converted to other bytes."""

_CONVERTED = "model.safetensors"


def converted(pickled: Path, config: Path) -> Path:
    """Return a folder with the pickle's tensors as ``model.safetensors`` and its ``config.json``, in its layout.

    The folder is named by the digests of both files and lies in the cache's ``weights/``. A conversion that is there
    is verified and used again; one that is damaged is made anew.

    Args:
        pickled: a state dict, ``pytorch_model.bin``.
        config: the configuration of the network that it belongs to.

    Raises:
        UsageError: the pickle is damaged or holds more than tensors, or the cache cannot be written to.
    """
    digests = {"version": PICKLED_VERSION, "weights": sha256_file(pickled), "config": sha256_file(config)}
    folder = cache_dir() / "weights" / sha256_bytes(canonical_json(digests))
    weights, seal = folder / _CONVERTED, folder / f"{_CONVERTED}.sha256"
    if not _is_whole(weights, seal):
        content = _as_safetensors(pickled)
        atomic_write(folder / "config.json", config.read_bytes())
        atomic_write(weights, content)
        atomic_write(seal, sha256_bytes(content).encode())
    return folder


def _is_whole(weights: Path, seal: Path) -> bool:
    both = weights.is_file() and seal.is_file()
    return both and seal.read_text(encoding="ascii", errors="replace").strip() == sha256_file(weights)


def _as_safetensors(pickled: Path) -> bytes:
    from safetensors.torch import save

    from radbench.quality.encoders.files import read_state

    own = {name: value.contiguous().clone() for name, value in read_state(pickled).items()}  # tied ones too
    data: bytes = save(own, {"format": "pt"})
    return data
