"""A small trainer for the reference models: AdamW, cosine schedule with warm-up, mild augmentation.

It needs no dataset library: it takes uint8 arrays, keeps them in memory as they are (16 KiB for a 128 x 128
image) and runs on a CPU or one GPU. Every random draw comes from the seed and the step, so a run that was
stopped and resumed ends with the same weights as one that was not.

``loop`` turns the steps, ``tasks`` are a classifier and a segmenter, ``config`` is what decides their weights.
"""
