"""How well an edit did what was asked and nothing else, measured on pixels alone."""
