"""Stress tests for radiology AI: declared dataset shifts, RadEdit test sets, robustness reports.

What is declared lives outside the package, as text that a clinician can read: ``shifts/`` (one YAML a
shift), ``bundles/`` (one YAML a published diffusion model, without its weights), ``models_under_test/`` (one YAML
a model, and the weights of the reference models) and ``reports/`` (templates, stylesheet, order of the sections).
The wheel carries all of it; ``radbench.declared`` alone knows where it is.

The data go one way::

    shifts/*.yaml -> specs -> data | phantom -> testsets.plan -> diffusion -> testsets.store -+
                                                                                             |
    models_under_test/*.yaml -> specs -> models -----------------> audit <-------------------+
                                                                     |  metrics
                                              AuditResult -> gates -> reporting (HTML, CSV, JUnit, ...), exit code

A room imports only rooms on floors below its own (held by import-linter, see ``pyproject.toml``):

=====  =============  =======================================================================
floor  room           owns
=====  =============  =======================================================================
8      ``testing``    robustness as an assertion in a model's own test suite; the pytest plugin
7      ``cli``        words and exit codes; imports a heavy library only inside a command
6      ``reporting``  AuditResult to HTML, JSON, CSV, JUnit, Markdown and figures
5      ``audit``      the harness, the typed and versioned AuditResult, evidence, gates, verdicts
4      ``testsets``   plan, content-addressed edit tasks, the store, the build
4      ``reference``  training and gating of the weights that the package ships
3      ``diffusion``  bundles, inversion, editors, the diffusers-style pipeline, training
3      ``phantom``    the embedded world: anatomy, findings, cohorts, counterfactuals
2      ``models``     the contract of a model under test, adapters, preflight, isolation
2      ``data``       cohorts, image reading, masks, joint geometry
1      ``specs``      pydantic models of what a user declares; errors with file and line
1      ``metrics``    point metrics and the clustered paired bootstrap
0      ``errors``     what went wrong, in a sentence that says how to mend it
0      ``declared``   where the declared files, the embedded bundle and the cache are
0      ``hub``        files of a Hugging Face repository, and what to do where it refuses
0      ``runtime``    devices, digests, canonical JSON, atomic writing
=====  =============  =======================================================================

Everywhere but inside ``diffusion`` and ``models`` an image is ``numpy.uint8 [H, W]`` and a mask is
``numpy.bool_ [H, W]``.
"""

__version__ = "0.1.0"
