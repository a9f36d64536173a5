"""The harness: models on the real and the edited images, and an audit in three rooms around it.

``result`` is the typed ``AuditResult`` (plain pydantic, nothing heavy), ``evidence`` what stands beside its figures,
and ``gates`` the verdicts. The harness itself is here: ``run`` audits, ``arms`` are what models are shown, ``predict``
shows them, and ``measure`` (``classification``, ``segmentation``) makes the figures.
"""
