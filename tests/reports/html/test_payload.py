import pytest

from wideload.reports.html.payload import cut, packed, unpacked


@pytest.mark.parametrize("words", ["</script><script>alert(1)</script>", "<!--<script>", "\u2028", "a&b", "\ud800"])
def test_packed_text_holds_nothing_but_base64_and_comes_back_as_it_was(words):
    written = packed({"name": words})
    assert written.replace("+", "").replace("/", "").replace("=", "").isalnum()
    assert unpacked(written) == {"name": words}


def test_the_same_content_packs_to_the_same_bytes():
    assert packed({"a": [1, 2]}) == packed({"a": [1, 2]})


def test_a_number_that_json_does_not_have_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        packed({"a": float("nan")})


def test_a_short_log_is_kept_whole_and_a_long_one_keeps_its_end():
    assert cut("short") == "short"
    assert cut(None) is None
    kept = cut("x" * 9_000 + "reason")
    assert kept.startswith("[5,006 characters cut]")
    assert kept.endswith("reason")
