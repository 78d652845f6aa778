from pathlib import Path

from wideload.harness.job.capped_log import CappedLog, tail


def test_a_short_log_is_kept_whole(tmp_path: Path) -> None:
    with CappedLog(tmp_path / "log", limit=100) as log:
        log.write(b"one\n")
        log.write(b"two\n")
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_a_long_log_keeps_its_head_and_its_tail(tmp_path: Path) -> None:
    with CappedLog(tmp_path / "log", limit=1000) as log:
        for number in range(10_000):
            log.write(b"%06d\n" % number)
    text = (tmp_path / "log").read_text()
    assert text.startswith("000000\n000001\n")
    assert text.endswith("009998\n009999\n")
    assert "bytes left out" in text
    assert len(text) < 1200


def test_one_huge_chunk_is_cut_too(tmp_path: Path) -> None:
    with CappedLog(tmp_path / "log", limit=100) as log:
        log.write(b"a" * 50 + b"b" * 1000)
        log.write(b"c" * 60)
    text = (tmp_path / "log").read_text()
    assert text.startswith("a" * 50 + "\n... 1000 bytes left out ...")
    assert text.endswith("c" * 60)


def test_a_log_that_cannot_be_written_silences_it(tmp_path: Path) -> None:
    with CappedLog(tmp_path / "missing" / "log", limit=100) as log:
        log.write(b"text")
    assert log.written == 4


def test_a_full_device_silences_the_log() -> None:
    with CappedLog(Path("/dev/full"), limit=100) as log:
        log.write(b"text")
        log.write(b"more")
    assert log.written == 8


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("".join(f"{number}\n" for number in range(100)))
    assert tail(tmp_path / "log", lines=2) == "98\n99"


def test_the_tail_of_nothing_is_empty(tmp_path: Path) -> None:
    assert tail(tmp_path / "log") == ""
