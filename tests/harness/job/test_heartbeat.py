from wideload.harness.job.heartbeat import Heartbeat


def test_the_supervisor_reads_what_the_rank_wrote(monkeypatch) -> None:
    supervisor = Heartbeat.create()
    monkeypatch.setenv("WIDELOAD_HEARTBEAT", str(supervisor.path))
    rank = Heartbeat.from_environment()
    rank.send("train", 7)
    rank.send("evaluate")
    assert supervisor.read() == (2, 7, "evaluate")
    supervisor.remove()


def test_the_file_goes_and_the_last_heartbeat_stays_readable() -> None:
    heartbeat = Heartbeat.create()
    heartbeat.send("train", 1)
    heartbeat.remove()
    assert not heartbeat.path.exists()
    assert heartbeat.read().step == 1


def test_a_rank_that_nobody_watches_may_send_heartbeats_all_the_same(monkeypatch) -> None:
    monkeypatch.delenv("WIDELOAD_HEARTBEAT", raising=False)
    heartbeat = Heartbeat.from_environment()
    heartbeat.send("train", 3)
    assert heartbeat.read().step == 3
