"""The harness: models on the real and the edited images, the typed ``AuditResult``, and the verdicts.

Nothing heavy is imported here: ``radbench.harness.result`` is plain pydantic, ``radbench.harness.run`` works.
"""
