"""Image-text encoders behind one interface: BioViL-T for radiographs, a small one for the embedded phantom."""

from radbench.quality.editing_score import ImageTextEncoder
from radbench.quality.encoders.files import EMBEDDED, locate

__all__ = ["EMBEDDED", "encoder_digest", "load_encoder"]


def load_encoder(ref: str, device: str = "cpu") -> ImageTextEncoder:
    """Load an encoder.

    Args:
        ref: ``phantom`` (embedded), a local folder (BioViL-T's files, or what ``radbench train encoder`` wrote), or
            a hub repository ``owner/name[@revision]`` in BioViL-T's layout.
        device: a torch device.

    Raises:
        UsageError: a missing folder or file, weights that do not fit (the keys are named), or that hold more than
            tensors.
    """
    place = locate(ref)
    if place.kind == "phantom":
        from radbench.quality.encoders.phantom import PhantomEncoder

        return PhantomEncoder(place, device)
    from radbench.quality.encoders.biovil_t import BiovilT

    return BiovilT(place, device)


def encoder_digest(ref: str) -> str:
    """Return the SHA-256 of everything that decides an encoder's embeddings, without loading it or torch.

    Raises:
        UsageError: a missing folder or file.
    """
    return locate(ref).digest()
