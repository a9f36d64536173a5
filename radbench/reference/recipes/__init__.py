"""Training by a declared recipe, on any cohort, up to a declared model under test.

``films`` reads every film once, through the model's own input contract; ``disjoint`` refuses a patient in both halves;
``augmentation`` and ``samples`` make batches whose random draws depend on seed, epoch and film alone; ``networks`` and
``objective`` are the two kinds of model; ``trainer`` turns the epochs of one run; ``written`` declares what came of it.
"""
