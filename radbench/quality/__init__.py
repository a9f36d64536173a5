"""How well an edit did what was asked and nothing else: editing score, artefact measures, limits.

``editing_score`` holds the score and what it asks of an encoder, ``encoders/`` the encoders, ``artefacts`` what is
measured on pixels alone, and turns measures and limits into reasons of rejection.
"""
