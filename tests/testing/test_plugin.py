"""The pytest plugin, in a test suite of its own; the audits themselves are played, test_robust.py runs real ones."""

from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

PLAYED = """
    import radbench.testing.robust as robust

    def played(model, shift="manifestation", **arguments):
        if arguments.get("report"):
            arguments["report"].mkdir(parents=True)
            (arguments["report"] / "report.html").write_text("page")
        if model == "bad":
            raise AssertionError("FAIL under shift 'manifestation'")
        return shift, arguments

    robust.assert_robust = played
"""


@pytest.fixture
def suite(pytester):
    """Run a suite of one file; the plugin is loaded by its entry point, or by name where none is installed."""
    installed = any(one.name == "radbench" for one in entry_points(group="pytest11"))

    def run(source, *options):
        pytester.makeconftest(PLAYED)
        pytester.makepyfile(source)
        names = () if installed else ("-p", "radbench.testing.plugin")
        return pytester.runpytest_subprocess(*names, "-p", "no:cacheprovider", *options)

    return run


def test_the_fixture_is_the_assertion(suite):
    run = suite("""
        def test_good(assert_robust):
            assert assert_robust("good", "population", limit=3) == ("population", {"limit": 3})

        def test_bad(assert_robust):
            assert_robust("bad")
    """)
    run.assert_outcomes(passed=1, failed=1)
    run.stdout.fnmatch_lines(["E*AssertionError: FAIL under shift 'manifestation'"])


def test_the_marker_gives_defaults_and_chooses(suite):
    source = """
        import pytest

        @pytest.mark.radbench(shift="acquisition", limit=8)
        def test_marked(assert_robust):
            assert assert_robust("good", limit=9) == ("acquisition", {"limit": 9})
            assert assert_robust("good", "population")[0] == "population"

        def test_other():
            assert False
    """
    suite(source, "--strict-markers", "-m", "radbench").assert_outcomes(passed=1, deselected=1)


def test_every_audit_gets_a_report_of_its_own(suite, pytester):
    run = suite(
        """
        import pytest

        @pytest.mark.parametrize("model", ["good", "bad", "../../x"])
        def test_all(assert_robust, model):
            assert_robust("good")
            assert_robust(model)
        """,
        "--radbench-report",
        "reports",
    )
    run.assert_outcomes(passed=2, failed=1)
    folders = sorted(path.name for path in (pytester.path / "reports").iterdir())
    assert len(folders) == 6
    assert all(folder.startswith("test_every_audit") for folder in folders)
    assert sum(folder.endswith("-2") for folder in folders) == 3
    run.stdout.fnmatch_lines(["*= radbench =*", "*report.html"])


def test_a_suite_without_audits_says_nothing(suite):
    run = suite("def test_one():\n    import sys\n    assert 'torch' not in sys.modules")
    run.assert_outcomes(passed=1)
    run.stdout.no_fnmatch_line("*= radbench =*")
