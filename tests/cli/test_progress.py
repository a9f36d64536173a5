import io

from rich.console import Console

from radbench.cli.progress import progress, stages


def shown(*, terminal):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120)
    with progress(console, "Editing") as report:
        for done in range(5):
            report(done, 4)
    return text.getvalue()


def test_a_terminal_gets_a_bar_with_count_and_remaining_time():
    text = shown(terminal=True)
    assert "4/4" in text
    assert "remaining" in text


def test_a_log_gets_plain_lines():
    assert shown(terminal=False) == "Editing 4/4\n"


def test_a_log_gets_rate_and_remaining_time(monkeypatch):
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr("radbench.cli.progress.time.monotonic", lambda: float(next(clock)))
    first = shown(terminal=False).splitlines()[1]
    assert first.startswith("Editing 1/4, 0.0")
    assert first.endswith("s remaining")


def test_nothing_to_do_is_no_error():
    text = io.StringIO()
    with progress(Console(file=text, force_terminal=False), "Editing") as report:
        report(0, 0)
    assert "0/0" in text.getvalue()


def staged(*, terminal):
    text = io.StringIO()
    with stages(Console(file=text, force_terminal=terminal, width=160)) as report:
        for step in range(4):
            report("render", step, 3, float("nan"))
        for step in range(3):
            report("denoiser", step, 2, 0.25)
    return text.getvalue()


def test_each_stage_has_its_bar_and_its_loss():
    text = staged(terminal=True)
    assert "3/3" in text
    assert "loss 0.2500" in text


def test_each_stage_has_its_lines():
    assert staged(terminal=False) == "render 3/3\ndenoiser, loss 0.2500, 2/2\n"
