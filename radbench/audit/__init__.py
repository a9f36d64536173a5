"""The harness: models on the real and the edited images, the typed ``AuditResult``, and the verdicts.

Nothing heavy is imported here: ``radbench.audit.result`` is plain pydantic, ``radbench.audit.run`` works.
"""
