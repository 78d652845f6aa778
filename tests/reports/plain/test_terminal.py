import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from wideload import terminal
from wideload.errors import UsageError
from wideload.harness.records.results import Results
from wideload.reports.plain.terminal import summed_up
from wideload.reports.show import show


def printed(run, target=None, width=terminal.UNBOUNDED):
    return terminal.plain(*summed_up(Results.read(run), target), width=width)


def call(*arguments):
    return CliRunner().invoke(show, [str(argument) for argument in arguments])


def test_the_same_numbers_as_in_the_page_stand_in_a_table(demo):
    lines = printed(demo).splitlines()
    assert lines[0].startswith("Nothing is decided in any of 6 settings after 3 rounds")
    assert any(line.split()[:3] == ["sparse_ps", "census", "1"] and "116 k" in line for line in lines)


def test_every_row_has_its_share_of_the_ceiling_where_one_was_measured(demo, single):
    row = next(line for line in printed(demo).splitlines() if line.split()[:3] == ["sparse_ps", "census", "2"])
    assert row.split()[-1] == "65%"
    assert "of ceiling" not in printed(single)


def test_rows_say_what_tells_settings_apart(write_folder, make_run):
    """Also where the data set and the number of ranks are the same."""
    lines = printed(write_folder([make_run("sparse_ps", batch_size=size) for size in (512, 2048)])).splitlines()
    assert any("census · batch 512 " in line for line in lines)
    assert any("census · batch 2,048 " in line for line in lines)


def test_reasons_stand_below_the_table(failing):
    assert "horovod, census: not ranked, crashed: rank 1 was killed by SIGKILL" in printed(failing)


def test_verdicts_on_parity_are_shown_failures_first(failing):
    lines = printed(failing).splitlines()
    head = next(place for place, line in enumerate(lines) if line.startswith("parity"))
    assert lines[head + 1].split() == ["broken_average", "census", "2", "3.1e-01", "1.0e-04", "fail"]


def test_a_target_that_some_repeats_never_reach_says_how_many_did(write_folder, make_run):
    run = write_folder([make_run("a", auc=0.80), make_run("a", auc=0.90, round=2), make_run("b", auc=0.70)])
    rows = [line.split() for line in printed(run, target=0.85).splitlines() if " of " in line]
    assert [row[:6] for row in rows] == [["a", "census", "2", "1", "of", "2"], ["b", "census", "2", "0", "of", "1"]]
    assert float(rows[0][6]) > 0
    assert rows[1][6] == "–"


def test_names_are_not_read_as_markup(write_folder, make_run):
    assert "[red]x[/red]" in printed(write_folder([make_run("[red]x[/red]")]))


def test_in_a_pipe_a_row_is_a_line_and_in_a_narrow_terminal_cells_fold(write_folder, make_run):
    run = write_folder([make_run("s" * 60)])
    assert any("s" * 60 in line and "80.3 k" in line for line in printed(run).splitlines())
    assert max(map(len, printed(run, width=80).splitlines())) <= 80


def test_show_prints_the_table_or_every_record(demo):
    assert "Nothing is decided in any of 6 settings" in call(demo).stdout
    records = json.loads(call(demo, "--json").stdout)
    assert [run["case_id"] for run in records["runs"]] == [run.case_id for run in Results.read(demo).runs]
    assert len(records["ranks"]) == len(Results.read(demo).ranks)


def test_a_folder_without_results_is_an_error_that_says_so(tmp_path):
    assert isinstance(call(tmp_path).exception, UsageError)


@pytest.mark.parametrize("absent", ["plotly", "jinja2", "tensorflow"])
def test_showing_a_run_loads_nothing_that_draws(demo, absent):
    script = (
        "import sys; from wideload.harness.cli import cli\n"
        f"cli(['show', {str(demo)!r}], standalone_mode=False); print({absent!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
