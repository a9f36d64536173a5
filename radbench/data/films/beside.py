"""Films whose DICOM header lies beside them: a PNG of stored values, and what to do to show them.

Such a PNG looks wrong in every viewer: its values have no window, and white may be 0. The header is applied as that of
a DICOM is (``dicom_values``).
"""

from typing import Any

import numpy as np

from radbench.data.films.dicom import spacing_of
from radbench.data.films.dicom_values import render, stored_bits
from radbench.data.films.film import Stored


def apply_header(header: Any, stored: Stored) -> None:
    """Show a film's stored values as its DICOM header says: padding, LUT or window, depth, direction; spacing too.

    A film of 8 bits whose header says more was shown already when it was written: the header is left out then, and a
    warning says so.

    Args:
        header: the header, a ``pydicom.Dataset``.
        stored: what was read of the film, ``[H, W]``; changed in place.
    """
    bits = stored_bits(header, stored.values)
    if stored.values.dtype == np.uint8 and bits > 8:
        stored.warnings.append(
            f"The header beside the film says {bits} bits, and the film has 8: it was shown already when it was "
            "written, so the header's window and direction are left out."
        )
        return
    stored.exact, stored.bits = False, None
    render(header, stored.values, stored)
    stored.provenance.append("the header beside the film applied")
    stored.spacing = spacing_of(header, stored) or stored.spacing
