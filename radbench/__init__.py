"""Stress tests for radiology AI: declared dataset shifts, RadEdit test sets, robustness reports.

From Python::

    import radbench

    audit = radbench.audit("manifestation", models=["chest-ai.yaml"], limit=64)
    audit.verdict, audit.metrics, audit.cases  # a Verdict, and pandas data frames
    audit.plot.effects()  # a matplotlib figure
    audit.report("out/")  # what the command line writes
    testset = radbench.build("manifestation")  # a torch Dataset
    radbench.load("out/")  # an earlier audit

What is declared lives outside the package, as text that a clinician can read: ``shifts/`` (one YAML a
shift), ``bundles/`` (one YAML a published diffusion model, without its weights), ``models_under_test/`` (one YAML
a model, the weights of the reference models, and training recipes) and ``reports/`` (templates, stylesheet, order of
the sections).
The wheel carries all of it; ``radbench.declared`` alone knows where it is.

The data go one way::

    shifts/*.yaml -> specs -> data | phantom -> testsets.plan -> diffusion -> testsets.store -+
                                                                                             |
    models_under_test/*.yaml -> specs -> models ---------------> harness <-------------------+
                                                                     |  metrics
                                    AuditResult -> gates -> plots -> report (HTML, CSV, JUnit, ...), exit code

A room imports only rooms on floors below its own (held by import-linter, see ``pyproject.toml``):

=====  =============  =======================================================================
floor  room           owns
=====  =============  =======================================================================
9      ``testing``    robustness as an assertion in a model's own test suite; the pytest plugin
9      ``cli``        options, words and exit codes, one file a command
9      ``bench``      benchmarks, used by ``radbench bench`` alone
8      ``api``        what a person can do, one function each; the only place that puts rooms together
7      ``report``     AuditResult to HTML, JSON, CSV, JUnit and Markdown
6      ``plots``      AuditResult to matplotlib figures, for notebook, paper and report
5      ``harness``    the audit itself, the typed and versioned AuditResult, evidence, gates, verdicts
4      ``testsets``   plan, content-addressed edit tasks, the store, executors, the build
4      ``reference``  training: by declared recipes, and of the weights that the package ships; their gates
3      ``diffusion``  bundles, inversion, editors, the diffusers-style pipeline, training
3      ``phantom``    the embedded world: anatomy, findings, cohorts, counterfactuals
2      ``models``     the contract of a model under test, adapters, preflight, isolation
2      ``data``       cohorts, public datasets, image reading, masks, joint geometry
1      ``specs``      pydantic models of what a user declares; errors with file and line
1      ``metrics``    point metrics, intervals clustered by patient
1      ``quality``    how good an edit is
0      ``errors``     what went wrong, in a sentence that says how to mend it
0      ``declared``   where the declared files, the embedded bundle and the cache are
0      ``hub``        files of a Hugging Face repository, and what to do where it refuses
0      ``runtime``    devices, digests, canonical JSON, atomic writing
0      ``version``    the version, as results and test sets name it
=====  =============  =======================================================================

Everywhere but inside ``diffusion`` and ``models`` an image is ``numpy.uint8 [H, W]`` and a mask is
``numpy.bool_ [H, W]``.
"""

from typing import TYPE_CHECKING, Any

from radbench.version import __version__

if TYPE_CHECKING:
    from radbench.api.auditing import Audit, audit, load
    from radbench.api.building import build
    from radbench.api.checking import Check, check
    from radbench.api.editors import Comparison, compare_editors
    from radbench.api.exporting import Exported, export_testset
    from radbench.api.importing import Imported, import_predictions
    from radbench.api.recipes import Trained, train
    from radbench.api.validation import Validation, validate
    from radbench.errors import RadbenchError, UsageError
    from radbench.specs import GatesSpec, InputContract, ModelSpec, RecipeSpec, ShiftSpec

__all__ = [
    "Audit",
    "Check",
    "Comparison",
    "Exported",
    "GatesSpec",
    "Imported",
    "InputContract",
    "ModelSpec",
    "RadbenchError",
    "RecipeSpec",
    "ShiftSpec",
    "Trained",
    "UsageError",
    "Validation",
    "__version__",
    "audit",
    "build",
    "check",
    "compare_editors",
    "export_testset",
    "import_predictions",
    "load",
    "train",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Load a public name on its first use, so that ``import radbench`` stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'radbench' has no attribute '{name}'")
    from importlib import import_module

    homes = {"RadbenchError": "errors", "UsageError": "errors"}
    homes |= dict.fromkeys(("GatesSpec", "InputContract", "ModelSpec", "RecipeSpec", "ShiftSpec"), "specs")
    if name in homes:
        return getattr(import_module(f"radbench.{homes[name]}"), name)
    from radbench.api import public

    return public(name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
