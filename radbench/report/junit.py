"""An audit as JUnit XML, which every CI system shows: one suite a shift, one test case a rule (or model).

It is written by hand, because what junitparser writes depends on whether lxml is installed and holds times.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from radbench.harness.gates.verdict import beside_model, beside_shift
from radbench.harness.result import AuditResult, GateResult, Verdict
from radbench.report.summary import plain

JUNIT: Final = "junit.xml"
_OUTCOMES: Final = {
    Verdict.PASS: "",
    Verdict.FAIL: "failure",
    Verdict.INCONCLUSIVE: "failure",
    Verdict.NOT_RUN: "error",
    Verdict.ERROR: "error",
}
"""What is not known to hold is no success; without a gate, what was not run is only skipped."""


@dataclass(frozen=True)
class _Case:
    suite: str
    model: str
    name: str
    outcome: str
    verdict: Verdict
    reason: str
    beside: str = ""


def junit_xml(results: Sequence[AuditResult], unmet: Sequence[GateResult] = ()) -> bytes:
    """Return the results as one JUnit document, in UTF-8 and with the same bytes for the same results.

    A test case is a rule of the gates, or a model's verdict where a result has no rules. PASS has no child; FAIL and
    INCONCLUSIVE are failures, ERROR an error, and NOT_RUN an error where a gate was asked for, else skipped. The
    verdict is the child's ``type``. What a verdict leaves out is the case's ``system-out``, also where it passes, and
    what all of a shift's verdicts leave out is its suite's. There are no times, because a result has none.

    Args:
        results: One suite each.
        unmet: Rules that nothing was run for (``audit.gates.unmet``), in a suite "not run".
    """
    suites = [(_cases(result), _suite(result)) for result in results]
    if unmet:
        cases = [_of_gate(gate, gated=True) for gate in unmet]
        suites.append((cases, _lines("not run", cases)))
    everything = _counts([case for cases, _ in suites for case in cases])
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="radbench" {everything}>']
    lines += [line for _, suite in suites for line in suite]
    return ("\n".join([*lines, "</testsuites>"]) + "\n").encode()


def _cases(result: AuditResult) -> list[_Case]:
    return [_of_gate(gate, gated=result.gate) for gate in result.gates] or [
        _Case(
            result.shift.name,
            model.name,
            f"drop at most {result.max_drop:g}",
            _outcome(model.verdict, gated=result.gate),
            model.verdict,
            model.reason if model.error is None else f"{model.reason} {model.error}",
            " ".join(beside_model(result, model)),
        )
        for model in result.models
        if model.role == "model"
    ]


def _suite(result: AuditResult) -> list[str]:
    properties = {
        "verdict": result.verdict.value,
        "instrument": "" if result.instrument is None else result.instrument.verdict.value,
        "no verdict": result.out_of_domain,
        "radbench": result.tool.get("radbench", ""),
        "seed": str(result.seed),
        "test set": result.testset.key,
        "baseline": "" if result.baseline is None else result.baseline.sha256,
    }
    named = [
        f"      <property name={_attribute(name)} value={_attribute(value)}/>"
        for name, value in properties.items()
        if value
    ]
    head = ["    <properties>", *named, "    </properties>"]
    return _lines(result.shift.name, _cases(result), head, " ".join(beside_shift(result)))


def _of_gate(gate: GateResult, *, gated: bool) -> _Case:
    return _Case(
        gate.shift,
        gate.model,
        gate.rule,
        _outcome(gate.verdict, gated=gated),
        gate.verdict,
        gate.reason,
        " ".join(gate.left_out),
    )


def _outcome(verdict: Verdict, *, gated: bool) -> str:
    return "skipped" if verdict is Verdict.NOT_RUN and not gated else _OUTCOMES[verdict]


def _counts(cases: Sequence[_Case]) -> str:
    found = {"tests": len(cases)}
    for name, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        found[name] = sum(case.outcome == outcome for case in cases)
    return " ".join(f'{name}="{count}"' for name, count in found.items())


def _lines(name: str, cases: Sequence[_Case], head: Sequence[str] = (), beside: str = "") -> list[str]:
    """Return a suite; ``head`` are its properties and ``beside`` what all its verdicts leave out."""
    inner = [line for case in cases for line in _testcase(case)]
    start = f"  <testsuite name={_attribute(name)} {_counts(cases)}>"
    return [start, *head, *inner, *_told(beside, "    "), "  </testsuite>"]


def _testcase(case: _Case) -> list[str]:
    parts = ".".join(filter(None, ("radbench", _dotless(case.suite), _dotless(case.model))))
    start = f"    <testcase classname={_attribute(parts)} name={_attribute(case.name)}"
    told = _told(case.beside, "      ")
    if not case.outcome:
        return [f"{start}>", *told, "    </testcase>"] if told else [f"{start}/>"]
    message = _attribute(f"{case.verdict.value}: {case.reason}")
    kind = "" if case.outcome == "skipped" else f" type={_attribute(case.verdict.value)}"
    text = "" if case.outcome == "skipped" else escape(plain(case.reason))
    return [
        f"{start}>",
        f"      <{case.outcome}{kind} message={message}>{text}</{case.outcome}>",
        *told,
        "    </testcase>",
    ]


def _told(beside: str, indent: str) -> list[str]:
    """Return what stands beside a verdict as the output of its case or suite; nothing for none."""
    return [f"{indent}<system-out>{escape(plain(beside))}</system-out>"] if beside else []


def _dotless(name: str) -> str:
    """Return a name as one part of a class name: viewers build a tree from the dots."""
    return re.sub(r"[.\s]+", "-", plain(name, 120))


def _attribute(text: str) -> str:
    return quoteattr(plain(text))
