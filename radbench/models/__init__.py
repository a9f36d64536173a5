"""Models under test: the contract, the adapters, the prediction cache, and a small trainer.

Nothing heavy is imported here; torch and timm load when a model first has to see an image.
"""
