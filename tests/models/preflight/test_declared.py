from fake_models import declare

from radbench.models.isolation.model import IsolatedModel
from radbench.models.preflight.run import vendor_notes
from radbench.specs import InputContract


def test_how_a_table_is_read_stands_among_the_findings(tmp_path):
    (tmp_path / "a.csv").write_text(f";image_sha256;score\n0;{'0' * 64};0,5\n1;{'1' * 64};NA\n;;\n")
    settings = {"weights": None, "sha256": None, "architecture": "", "format": "table", "path": "a.csv"}
    spec = declare(**settings, output="probabilities", input=InputContract(spatial_shape=[16, 16]))
    findings = list(vendor_notes(IsolatedModel(spec.read_from(tmp_path / "model.yaml"))))
    assert {(finding.check, finding.level) for finding in findings} == {("read as", "note")}
    said = [finding.observed for finding in findings]
    assert said == [
        "values parted by semicolons",
        "the first column has no name and is not read (row numbers, as pandas writes them)",
        "1 empty row is not read",
        "numbers with a decimal comma",
        "'NA' is read as no answer (1 time)",
    ]
