"""The one room that reads films: PNG, JPEG, TIFF and DICOM as they come.

``film``      what a film is, what a file is by its first bytes, which sizes cannot be a film
``reader``    ``read_film``, ``film_shape``, and any image as stored
``rasters``   PNG, JPEG, TIFF
``dicom``     DICOM and its header; ``dicom_values`` its windows and lookup tables
``gray``      orientation, colour, alpha; how many bits are used, and how they are brought to 8 or 16
``survey``    what a person should look at in a whole cohort: twins, inverted, sideways, mixed depths
"""

from radbench.data.films.film import Film
from radbench.data.films.reader import film_shape, read_film

__all__ = ["Film", "film_shape", "read_film"]
