"""The embedded world: a seeded procedural chest radiograph, its findings, hospitals, reports and cohorts.

``anatomy`` draws a patient, ``tissue`` exposes the film, ``findings`` are layers on it, ``render`` composes them as a
hospital would, ``recipes`` says how often each finding occurs, ``prompts`` reports what was drawn, ``cohort`` samples
studies with the spurious correlations of the paper. Every part has its own random stream, so the same patient can be
rendered with and without any finding: the true counterfactual of every edit is known.
"""
