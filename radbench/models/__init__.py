"""Models under test: the contract, one adapter a format, remembered predictions, and a small trainer.

``base`` is the contract; ``registry`` finds the adapter (``timm_adapter``: classifiers, ``smp_adapter``: segmenters),
both a ``torch_model`` behind verified ``weights``; ``cache`` asks a model only for images that it has not seen, with
``memory`` and what it keeps scores and masks in; ``training`` makes the reference models.

Nothing heavy is imported here; torch and timm load when a model first has to see an image.
"""
