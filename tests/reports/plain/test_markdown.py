import re

from wideload.reports.plain.markdown import escape, markdown


def test_the_answer_comes_first_and_every_entrant_has_a_row(demo):
    written = markdown(demo)
    assert written.startswith("**Nothing is decided in any of 6 settings after 3 rounds")
    assert len(re.findall(r"^\| horovod \| census \| [12] \| 3 \|", written, re.MULTILINE)) == 2


def test_failures_are_listed_with_their_reason_below_the_table(failing):
    written = markdown(failing)
    assert "- horovod, census: not ranked, crashed: rank 1 was killed by SIGKILL" in written
    assert "- broken\\_average, census: not ranked, parity failed" in written


def test_a_name_cannot_end_a_cell_or_mention_anyone(write_folder, make_run):
    written = markdown(write_folder([make_run("a|b @team [x](y) <i>\nnew line")]))
    rows = [line for line in written.splitlines() if line.startswith("| a")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [10, 7]
    assert "\\@team" in rows[0]


def test_every_special_letter_is_escaped():
    assert escape("a_b*c`d|e") == "a\\_b\\*c\\`d\\|e"


def test_a_comparison_stands_in_the_markdown_too(write_folder, rounds):
    old, new = write_folder(rounds("a", [100.0] * 6), "old"), write_folder(rounds("a", [150.0] * 6), "new")
    assert "Of 1 entrant in both: 1 faster." in markdown(new, before=old)
