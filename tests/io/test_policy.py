import pytest

from nircam_tso.io import policy
from nircam_tso.io.policy import Policy, available_memory, parse_bytes


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (1, 1),
        (2.5e9, 2_500_000_000),
        ("100", 100),
        ("4 GB", 4_000_000_000),
        ("4G", 4_000_000_000),
        ("1.5 gib", 3 << 29),
        (" 64 MiB ", 64 << 20),
        ("2 kB", 2000),
        ("1TB", 10**12),
    ],
)
def test_sizes(value, size):
    assert parse_bytes(value) == size


@pytest.mark.parametrize(
    "value", ["", "GB", "4 XB", "-4 GB", "4 iB", "4 GBs", "1e9", "٤ GB", 0, -1, float("nan"), 1 << 61]
)
def test_what_is_no_size(value):
    with pytest.raises(ValueError, match="max_memory"):
        parse_bytes(value)


@pytest.mark.parametrize("value", [None, True, [1], b"4 GB"])
def test_other_types(value):
    with pytest.raises(TypeError, match="max_memory"):
        parse_bytes(value)


def test_memory_of_a_container(tmp_path, monkeypatch):
    whole = available_memory()
    assert 1 << 28 < whole < 1 << 50
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(policy, "_CGROUPS", (str(tmp_path / "none"), str(limit)))
    for text, expected in (("100000000\n", 100_000_000), ("max\n", None), ("-1", None)):
        limit.write_text(text)
        assert available_memory() == (expected or policy.available_memory())
    limit.write_text("100000000\n")
    assert Policy().max_memory == 50_000_000


@pytest.mark.parametrize("name", ["allow_missing", "allow_missing_dq", "verify_checksums", "hash_inputs"])
def test_switches(name):
    assert getattr(Policy(**{name: True}), name) is True
    with pytest.raises(TypeError, match=name):
        Policy(**{name: "yes"})


def test_what_becomes_of_errors():
    assert [Policy(on_error=word).flags_errors for word in ("raise", "flag")] == [False, True]
    with pytest.raises(ValueError, match="on_error: 'warn' is neither 'raise' nor 'flag'"):
        Policy(on_error="warn")
