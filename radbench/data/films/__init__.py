"""The one room that reads films: PNG, JPEG, TIFF and DICOM as they come.

``film``          what a film is; which sizes cannot be one
``reader``        ``read_film`` and ``film_shape``
``content``       what a file is, by its first bytes
``depth``         how many bits are used, and how they are brought to 8 or 16
``gray``          orientation, colour, alpha
``png``, ``jpeg``, ``tiff``, ``dicom``   one container each; ``dicom_header`` and ``dicom_values`` help the last
``survey``        what a person should look at in a whole cohort: twins, inverted, sideways, mixed depths
"""

from radbench.data.films.film import Film
from radbench.data.films.reader import film_shape, read_film

__all__ = ["Film", "film_shape", "read_film"]
