from wideload.harness.job.heartbeat import Pulse


def test_the_warden_reads_what_the_rank_wrote(monkeypatch) -> None:
    warden = Pulse.create()
    monkeypatch.setenv("WIDELOAD_PULSE", str(warden.path))
    rank = Pulse.from_environment()
    rank.beat("train", 7)
    rank.beat("evaluate")
    assert warden.read() == (2, 7, "evaluate")
    warden.remove()


def test_the_file_goes_and_the_last_beat_stays_readable() -> None:
    pulse = Pulse.create()
    pulse.beat("train", 1)
    pulse.remove()
    assert not pulse.path.exists()
    assert pulse.read().step == 1


def test_a_rank_that_nobody_watches_may_beat_all_the_same(monkeypatch) -> None:
    monkeypatch.delenv("WIDELOAD_PULSE", raising=False)
    pulse = Pulse.from_environment()
    pulse.beat("train", 3)
    assert pulse.read().step == 3
