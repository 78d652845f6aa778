from pathlib import Path

import pytest

from wideload.errors import UsageError
from wideload.harness.job import hostfile
from wideload.harness.job.mpi import Hosts


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "hosts"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        "node1:2\nnode2\n",
        "node1 slots=2\nnode2 slots=1\n",
        "# the cluster\n\nnode1:2  # the fast one\n   \n  node2\n",
        "node1\nnode2\nnode1\n",
        "node1 slots=1\nnode1:1\nnode2",
        "node1 slots=2 max_slots=8\r\nnode2\r\n",
        "node1\tslots=2\nnode2\n",
    ],
)
def test_every_way_of_writing_the_same_hosts_is_the_same(written, text: str) -> None:
    hosts = hostfile.read(written(text))
    assert hosts == {"node1": 2, "node2": 1}


def test_hosts_keep_their_order(written) -> None:
    assert list(hostfile.read(written("b:1\na:1\nb:1\n"))) == ["b", "a"]


def test_names_addresses_and_users_are_hosts(written) -> None:
    hosts = hostfile.read(written("10.0.0.1:2\nnode-1.example.com\nme@node2 slots=3\n"))
    assert hosts == {"10.0.0.1": 2, "node-1.example.com": 1, "me@node2": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("node1\nnode2:two\n", r"hosts, line 2: expected a positive number of ranks \(given: 'two'\)"),
        ("node1:0\n", "line 1: expected a positive number"),
        ("node1:-1\n", "line 1: expected a positive number"),
        ("node1:\n", "line 1: expected a positive number"),
        ("node1 slots=\n", "line 1: expected a positive number"),
        ("# c\n\nnode1 node2\n", "line 3: 'node2' is not understood"),
        ("node1 slot=2\n", "line 1: 'slot=2' is not understood"),
        ("node1:2 slots=2\n", "line 1: the number of ranks is given twice"),
        ("node1,node2\n", "line 1: expected a host"),
        ("// node1\n", "line 1: expected a host"),
        ("", "names no host"),
        ("# nothing\n", "names no host"),
    ],
)
def test_a_wrong_line_is_named(written, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        hostfile.read(written(text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere cannot be read"):
        hostfile.read(tmp_path / "nowhere")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="binary cannot be read"):
        hostfile.read(tmp_path / "binary")


@pytest.mark.parametrize(
    ("flavour", "expected"), [("mpich", "node1:3\nnode2:1\n"), ("openmpi", "node1 slots=3\nnode2 slots=1\n")]
)
def test_the_launcher_gets_the_hosts_in_its_own_syntax(written, tmp_path: Path, flavour, expected: str) -> None:
    given = Hosts.read(written("node1 slots=2 # two\nnode2\nnode1\n"), None)
    state = tmp_path / "state"
    state.mkdir()
    prepared = given.prepared(state, flavour)
    assert prepared.hostfile is not None
    assert prepared.hostfile.read_text() == expected


def test_without_a_host_file_there_is_nothing_to_prepare(tmp_path: Path) -> None:
    assert Hosts().prepared(tmp_path, "mpich") == Hosts()
