"""Reading films: every format to ``uint8`` or ``uint16 [H, W]``, 0 black and the type's largest value white.

``film``     what a film is, and how a stored depth becomes a full one
``reading``  from a path to a film, by its content and not its name
``raster``   PNG and JPEG
``tiff``     TIFF
``dicom``    DICOM radiographs
"""

from radbench.data.films.film import Film
from radbench.data.films.reading import film_shape, read_film

__all__ = ["Film", "film_shape", "read_film"]
