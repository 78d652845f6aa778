"""How the ranks' messages are put together and taken apart."""

from __future__ import annotations

import json
import socket
from typing import Any

import tensorflow as tf

from wideload.harness.cluster import Cluster
from wideload.strategies.replicated.exchange import unpacked
from wideload.strategies.replicated.mirrored_collectives import agree_on_config


def test_messages_of_all_ranks_are_taken_apart_by_table() -> None:
    first = [2, 1, 10, 11, 20]
    second = [0, 2, 21, 22]
    floats = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    tables = unpacked(tf.constant(first + second, tf.int64), tf.constant(floats), widths=[2, 1], ranks=2)
    ids = [one.numpy().tolist() for one, _ in tables]
    rows = [one.numpy().tolist() for _, one in tables]
    assert ids == [[10, 11], [20, 21, 22]]
    assert rows == [[[1.0, 2.0], [3.0, 4.0]], [[5.0], [6.0], [7.0]]]


class Pair:
    """The other rank has bound port 4242 on this host."""

    def allgather(self, value: Any) -> list[Any]:
        return [value, "127.0.0.1:4242" if ":" in value else value]


def test_ranks_of_a_host_agree_on_loopback_ports_that_stay_taken() -> None:
    with socket.socket() as holder:
        config = json.loads(agree_on_config(Cluster(0, 2, Pair()), holder))
        host, port = config["cluster"]["worker"][0].split(":")
        assert (host, config["cluster"]["worker"][1]) == ("127.0.0.1", "127.0.0.1:4242")
        assert config["task"] == {"type": "worker", "index": 0}
        assert holder.getsockname() == (host, int(port))
        with socket.socket() as other:
            other.bind((host, 0))
            assert other.getsockname()[1] != int(port)
