import pytest
from click.testing import CliRunner

from wideload.errors import UsageError
from wideload.reports.cli import report


def call(*arguments):
    return CliRunner().invoke(report, [str(argument) for argument in arguments])


def test_it_writes_html_where_asked_and_prints_the_path(demo, tmp_path):
    output = tmp_path / "page.html"
    done = call(demo, "-o", output)
    assert (done.exit_code, done.stdout.strip()) == (0, str(output))
    assert output.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_without_an_output_the_page_goes_into_the_run_folder(demo):
    assert call(demo).exit_code == 0
    assert (demo / "report.html").is_file()


def test_markdown_goes_to_stdout_or_into_a_file(demo, tmp_path):
    assert call(demo, "--format", "md").stdout.startswith("**Nothing is decided")
    call(demo, "--format", "md", "-o", tmp_path / "r.md")
    assert (tmp_path / "r.md").read_text(encoding="utf-8").startswith("**Nothing is decided")


def test_benchmarks_do_not_go_with_markdown(demo, tmp_path):
    file = tmp_path / "b.json"
    file.write_text("{}")
    assert call(demo, "--format", "md", "--benchmarks", file).exit_code == 2


def test_a_missing_folder_is_a_usage_error(tmp_path):
    assert call(tmp_path / "nowhere").exit_code == 2


def test_an_empty_folder_raises_what_the_command_line_turns_into_one_line(tmp_path):
    done = call(tmp_path)
    assert isinstance(done.exception, UsageError)
    assert "not a run folder" in str(done.exception)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_has_examples(flag):
    assert "wideload report runs/demo" in call(flag).stdout
