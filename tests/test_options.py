"""``name[param=value,...]`` is written one way, whoever writes it."""

from __future__ import annotations

from wideload.options import Spec, expand


def test_recorded_options_are_written_as_a_user_would_write_them() -> None:
    assert (
        str(Spec.of("ps", {"prefetch": False, "mode": "async", "limit": 3})) == "ps[limit=3,mode=async,prefetch=false]"
    )
    assert str(Spec.of("ps", {})) == "ps"


def test_what_is_written_is_read_back() -> None:
    written = str(Spec.of("ps", {"mode": "async", "prefetch": False}))
    assert Spec.parse(written) == Spec("ps", (("mode", "async"), ("prefetch", "false")))
    assert [str(each) for each in expand("a[x=[1,2],y=3]")] == ["a[x=1,y=3]", "a[x=2,y=3]"]
