from pathlib import Path

import pytest

from wideload.harness.job.diagnosis import launcher_said, why_no_first_step, why_nothing_started
from wideload.harness.job.messages import RankStatus


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("", ""),
        ("\n-----\n", ""),
        ("only this\n", "only this"),
        (
            "ssh: Could not resolve hostname nowhere: Name or service not known\n"
            "[mpiexec@vm] control_cb (pmiserv_cb.c:206): assert (!closed) failed\n",
            "ssh: Could not resolve hostname nowhere: Name or service not known",
        ),
        (
            "[mpiexec@vm] control_cb (pmiserv_cb.c:206): assert (!closed) failed\n"
            "me@node1: Permission denied (publickey).\n",
            "me@node1: Permission denied (publickey).",
        ),
        (
            "[mpiexec@vm] HYDU_create_process (lib/utils/launch.c:73): execvp error on file srun (No such file)\n",
            "execvp error on file srun (No such file)",
        ),
        (
            "--------------------------------------\n"
            "There are not enough slots available in the system to satisfy the 4\n",
            "There are not enough slots available in the system to satisfy the 4",
        ),
        ("srun: error: Unable to create step for job 7: Invalid job id specified\n",
         "srun: error: Unable to create step for job 7: Invalid job id specified"),
    ],
)  # fmt: skip
def test_the_line_that_says_most_is_chosen(tmp_path: Path, output: str, said: str) -> None:
    (tmp_path / "log").write_text(output)
    assert launcher_said(tmp_path / "log") == said


def test_no_log_says_nothing(tmp_path: Path) -> None:
    assert launcher_said(tmp_path / "log") == ""


def test_the_cause_depends_on_where_ranks_run(tmp_path: Path) -> None:
    assert "password" in why_nothing_started(tmp_path / "log", several_hosts=True)
    assert "--dry-run" in why_nothing_started(tmp_path / "log", several_hosts=False)
    status = RankStatus(rank=0, host="a", pid=1, supervisor_pid=1)
    assert "log" in why_no_first_step([status])
    assert "firewall" in why_no_first_step([status, status.model_copy(update={"host": "b"})])
