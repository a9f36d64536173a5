"""Figures and their uncertainty: torchmetrics for the points, numpy for the resampling. Nothing heavy."""
