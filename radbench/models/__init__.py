"""Models under test: the contract, one adapter a format, a sandbox, checks before use, and remembered predictions.

``base`` is the contract; ``registry`` finds the ``adapters`` module of a format, or that of another package. Every
adapter verifies the vendor's files by ``source``, prepares images by ``preprocess`` and reads answers by ``decode``.
``isolation`` runs a stranger's model in a sandbox, ``preflight`` holds a model against its declaration, ``cache`` asks
it only for images that it has not seen; ``saliency`` shows where it looked, ``training`` serves the reference models.

Nothing heavy is imported here; torch and onnxruntime load when a model first has to see an image.
"""
