"""Models under test: the contract, one adapter a format, remembered predictions, and a small trainer.

``base`` is the contract; ``registry`` finds the ``adapters`` module of a format, or that of another package. Every
adapter verifies the vendor's files by ``source``, prepares images by ``preprocess`` (with ``geometry``) and reads
answers by ``decode`` (with ``outputs``, ``decode_scores``, ``decode_labels``). ``cache`` asks a model only for images
that it has not seen, with ``memory`` and what it keeps scores and masks in; ``training`` makes the reference models.

Nothing heavy is imported here; torch and onnxruntime load when a model first has to see an image.
"""
