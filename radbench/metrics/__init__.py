"""Figures and their uncertainty: torchmetrics and MONAI for the points, numpy for the resampling. Nothing heavy."""
