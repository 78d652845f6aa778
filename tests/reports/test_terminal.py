from rich.console import Console

from wideload.reports.terminal import table


def printed(run, width=120):
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(table(run))
    return capture.get()


def test_the_same_numbers_as_in_the_page_stand_in_a_table(demo):
    lines = printed(demo).splitlines()
    assert lines[0].startswith("sparse_ps is the fastest in all 6 settings")
    assert any(line.split()[:3] == ["sparse_ps", "census", "1"] and "116 k" in line for line in lines)


def test_reasons_stand_below_the_table(failing):
    assert "horovod, census: not ranked, crashed: rank 1 was killed by SIGKILL" in printed(failing)


def test_names_are_not_read_as_markup(write_folder, make_run):
    assert "[red]x[/red]" in printed(write_folder([make_run("[red]x[/red]")]))
