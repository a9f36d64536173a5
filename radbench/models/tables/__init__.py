"""Answers that a vendor wrote down, by each image's SHA-256: tables of scores or labels, and folders of masks."""
