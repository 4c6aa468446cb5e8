"""Products on disk: whole, or known not to be; hostile ones are refused (rows 39, 42 to 47 and 62)."""

import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from astropy.time import Time
from astropy.timeseries import TimeSeries

from nircam_tso import read, write
from nircam_tso.exceptions import IncompleteProductError, OutputError
from nircam_tso.io import product_bytes
from nircam_tso.io.atomic import claim, replace_file

SUFFIXES = [".h5", ".ecsv"]
DESCRIPTION = "timeseries.__table_column_meta__"


def make(n=40, seed=1):
    rng = np.random.default_rng(seed)
    ts = TimeSeries(time=Time(60000 + np.sort(rng.uniform(0, 1, n)), format="mjd", scale="utc"))
    ts["time_bjd"] = Time(60000.005 + np.arange(n) / n, format="mjd", scale="tdb")
    ts["time_bjd"][1] = np.ma.masked
    for name, unit in (("flux", u.Jy), ("x", u.pix), ("area", u.pix**2), ("rate", u.DN / u.s), ("sky", u.MJy / u.sr)):
        ts[name] = rng.normal(size=n) * unit
        ts[name].info.description = f"the {name}"
    ts["flux"][2] = np.nan
    ts["plain"] = rng.normal(size=n).astype(np.float32)
    ts["quality"] = rng.integers(0, 1 << 32, n).astype(np.uint32)
    ts.meta["target"] = "WASP-80"
    ts.meta["radii"] = [3.0, 5.5]
    ts.meta["provenance"] = json.dumps({"settings": {"a": 1.5}, "sources": [f"file {k}.fits" for k in range(9)]})
    return ts


def same(one, other):
    if one.colnames != other.colnames or len(one) != len(other) or dict(one.meta) != dict(other.meta):
        return False
    for name in one.colnames:
        a, b = one[name], other[name]
        if a.info.description != b.info.description or getattr(a, "unit", None) != getattr(b, "unit", None):
            return False
        if isinstance(a, Time):
            known = ~np.asarray(a.mask)
            if not np.array_equal(known, ~np.asarray(b.mask)) or np.abs((a[known] - b[known]).sec).max() > 1e-9:
                return False
        elif not np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True):
            return False
    return True


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_times_to_a_nanosecond(tmp_path, suffix):
    """Row 39."""
    days = 60000 + np.arange(50) * 1.234567891e-4
    ts = TimeSeries(time=Time(days, np.linspace(0, 1e-9, 50), format="mjd", scale="utc"))
    ts["leap"] = Time(["2016-12-31T23:59:60.123456789"] * 50, scale="utc")
    ts["leap"][7] = np.ma.masked
    again = read(write(ts, tmp_path / f"t{suffix}"))
    assert np.abs((again["time"] - ts["time"]).sec).max() < 1e-9
    assert np.asarray(again["leap"].mask).nonzero()[0].tolist() == [7]
    known = np.arange(50) != 7
    assert np.abs((again["leap"][known] - ts["leap"][known]).sec).max() < 1e-9
    assert str(again["leap"][0]).startswith("2016-12-31T23:59:60.123456789")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_numbers_same_bytes(tmp_path, suffix):
    one = write(make(), tmp_path / f"a{suffix}").read_bytes()
    time.sleep(1.1)
    assert write(make(), tmp_path / f"b{suffix}").read_bytes() == one


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_two_hundred_damages(tmp_path, record_property, suffix, damage):
    """Row 43."""
    path = write(make(), tmp_path / f"a{suffix}")
    whole = read(path)
    raw = path.read_bytes()
    rng = np.random.default_rng(8)
    harmless = named = 0
    for at in rng.choice(len(raw), 200, replace=False):
        broken = bytearray(raw)
        if damage == "cut":
            broken = broken[:at]
        else:
            broken[at] ^= 1 << rng.integers(8)
        path.write_bytes(broken)
        try:
            found = read(path)
        except IncompleteProductError as error:
            named += str(path) in str(error)
            continue
        harmless += 1
        assert same(whole, found), at
    assert harmless + named == 200
    assert harmless < 100
    record_property("products damaged", 200)


@pytest.mark.parametrize("lost", [1, 2, 39])
def test_ecsv_cut_at_a_line(tmp_path, lost):
    """Row 44."""
    path = write(make(), tmp_path / "a.ecsv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-lost]))
    with pytest.raises(IncompleteProductError, match=f"{40 - lost} of 40 rows"):
        read(path)


def test_rows_exchanged_and_values_edited(tmp_path):
    """Row 43."""
    path = write(make(), tmp_path / "a.ecsv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:-2], lines[-1], lines[-2]]))
    with pytest.raises(IncompleteProductError, match="have changed"):
        read(path)
    path.write_text("".join(lines).replace("WASP-80", "WASP-81"))
    with pytest.raises(IncompleteProductError, match="have changed"):
        read(path)
    path = write(make(), tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        table = file["timeseries"][()]
        table["flux"][5] += 1
        file["timeseries"][...] = table
    with pytest.raises(IncompleteProductError, match="have changed"):
        read(path)


def test_product_that_another_program_packed(tmp_path):
    """As h5repack does: the same numbers, other bytes."""
    path = write(make(2000), tmp_path / "a.h5")
    with h5py.File(path) as old, h5py.File(tmp_path / "b.h5", "w") as new:
        for name in ("timeseries", DESCRIPTION):
            new.create_dataset(name, data=old[name][()], compression="gzip", shuffle=True)
    assert same(read(path), read(tmp_path / "b.h5"))


def test_fletcher32_is_on(tmp_path):
    """Row 45."""
    path = write(make(3000), tmp_path / "a.h5")
    with h5py.File(path) as file:
        assert file["timeseries"].fletcher32
        assert file["timeseries"].chunks == (1024,)


LONG = """
import json, sys, time
import numpy as np
from astropy.time import Time
from astropy.timeseries import TimeSeries
from nircam_tso import read, write
ts = TimeSeries(time=Time(60000 + np.arange(100) / 100, format="mjd"))
source = {"name": "", "kind": "ncdhas-slp", "size": 820800, "header_sha256": "5f" * 32, "exposure": 1}
sources = [source | {"name": f"integration {k}'s \\xe9.slp.fits"} for k in range(100_000)]
ts.meta |= {"first": 1, "provenance": json.dumps({"sources": sources}), "last": "two"}
ts.meta["notes"] = "; ".join(f"\\xe9 {k}:\\n\\u2028" for k in range(10_000))
begin = time.perf_counter()
path = write(ts, sys.argv[1])
wrote = time.perf_counter()
again = read(path)
print(list(again.meta) == [*ts.meta, "n_rows", "complete"], all(again.meta[key] == ts.meta[key] for key in ts.meta),
    len(again), wrote - begin, time.perf_counter() - wrote)
assert write(again, path.with_stem("b")).read_bytes() == path.read_bytes()
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_provenance_of_a_hundred_thousand_files(tmp_path, run, suffix):
    path = tmp_path / f"a{suffix}"
    result = run(LONG.replace("\\\\", "\\"), path)
    assert result.returncode == 0, result.stderr
    same, texts, rows, *seconds = result.stdout.split()[:5]
    assert (same, texts, rows) == ("True", "True", "100")
    assert max(map(float, seconds)) < 20
    assert int(result.stdout.splitlines()[-1]) < 700 * 1e6
    raw = path.read_bytes()
    at = raw.index(b"integration 77777")
    path.write_bytes(raw[:at] + b"I" + raw[at + 1 :])
    with pytest.raises(IncompleteProductError, match="changed"):
        read(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_long_texts_are_read_by_others(tmp_path, suffix):
    ts = make(3)
    ts.meta["provenance"] = json.dumps([{"name": f"integration {k}.fits"} for k in range(3_000)])
    path = write(ts, tmp_path / f"a{suffix}")
    if suffix == ".ecsv":
        assert QTable.read(path, format="ascii.ecsv").meta["provenance"] == ts.meta["provenance"]
        return
    assert QTable.read(path, path="timeseries").meta["provenance"] == "see timeseries.meta.provenance"
    with h5py.File(path) as file:
        assert file["timeseries.meta.provenance"][()].tobytes().decode() == ts.meta["provenance"]
        assert file["timeseries.meta.provenance"].fletcher32


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_texts_without_measure(tmp_path, monkeypatch, suffix):
    """What could not be read again is not written."""
    ts = make(3)
    monkeypatch.setattr(product_bytes, "MAX_TEXT", 100_000)
    ts.meta["provenance"] = "x" * 100_001
    with pytest.raises(OutputError, match="cannot be written"):
        write(ts, tmp_path / f"b{suffix}")
    # A name that is no word stays where it is, and is too long there.
    ts.meta = {"what is it?": "x y " * 500_000}
    with pytest.raises(OutputError, match="cannot be written"):
        write(ts, tmp_path / f"b{suffix}")
    assert os.listdir(tmp_path) == []


def test_table_of_no_rows(tmp_path):
    for suffix in SUFFIXES:
        assert len(read(write(make()[:0], tmp_path / f"a{suffix}"))) == 0


FULL = """
import os, subprocess, sys
folder = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
import numpy as np
from astropy.time import Time
from astropy.timeseries import TimeSeries
from nircam_tso import read, write
from nircam_tso.exceptions import OutputError
name = os.path.join(folder, "a" + sys.argv[2])
def make(n):
    ts = TimeSeries(time=Time(60000 + np.arange(n) / n, format="mjd"))
    for k in range(20):
        ts[f"c{k}"] = np.random.default_rng(k).normal(size=n)
    return ts
write(make(200), name)
before = open(name, "rb").read()
try:
    write(make(30000), name, overwrite=True)
except OutputError as error:
    print("errno", error.errno, str(error).count(name))
assert open(name, "rb").read() == before and len(read(name)) == 200
print("left", os.listdir(folder))
try:
    write(make(30000), os.path.join(folder, "new" + sys.argv[2]))
except OutputError:
    print("left", os.listdir(folder))
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_full_disk(tmp_path, run, suffix):
    """Row 42: a mount that only the process sees; it is gone with it."""
    wrapper = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if shutil.which("unshare") and subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode == 0:
        result = run(FULL, tmp_path, suffix, wrapper=wrapper)
        assert result.returncode == 0, result.stderr
        name = f"a{suffix}"
        assert result.stdout.splitlines()[:3] == ["errno 28 1", f"left ['{name}']", f"left ['{name}']"]
        return
    # Where no mount is allowed, a limit on the size of files fails at the same place, with EFBIG.
    code = FULL.replace(
        'subprocess.run(["mount"', 'import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); 0 and (["mount"'
    )
    code = code.replace(", check=True)", ")", 1)
    result = run(code, tmp_path, suffix, limits=[(resource.RLIMIT_FSIZE, 1 << 20)])
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("errno 27 1")


@pytest.fixture
def open_folder():
    """A folder that any user may look into; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


READ_ONLY = """
import os, sys
from astropy.timeseries import TimeSeries
from nircam_tso.io.product import check_path, write
from nircam_tso.exceptions import OutputError
if os.geteuid() == 0:
    os.setgroups([])
    os.setuid(65534)
for name in ("a.h5", "old.h5"):
    try:
        check_path(os.path.join(sys.argv[1], name), overwrite=True)
    except OutputError as error:
        print(error)
"""


def test_folder_that_cannot_be_written(open_folder, run):
    """Row 46."""
    write(make(), open_folder / "old.h5")
    open_folder.chmod(0o555)
    result = run(READ_ONLY, open_folder)
    open_folder.chmod(0o755)
    assert result.stdout.count("cannot be written to") == 2, result.stderr


def test_outputs_that_are_refused(tmp_path):
    """Row 46."""
    ts = make()
    (tmp_path / "d.h5").mkdir()
    os.mkfifo(tmp_path / "fifo.h5")
    (tmp_path / "gone.h5").symlink_to(tmp_path / "nowhere.h5")
    (tmp_path / "loop.h5").symlink_to(tmp_path / "loop.h5")
    (tmp_path / "here.h5").write_bytes(b"precious")
    names = {"d": "folder", "fifo": "pipe", "gone": "does not exist", "loop": "link", "here": "exists already"}
    before = sorted(os.listdir(tmp_path))
    for name, words in names.items():
        with pytest.raises(OutputError, match=words) as caught:
            write(ts, tmp_path / f"{name}.h5")
        assert f"{name}.h5" in str(caught.value)
    with pytest.raises(OutputError, match="does not exist"):
        write(ts, tmp_path / "no" / "a.h5")
    with pytest.raises(OutputError, match=r"too long"):
        write(ts, tmp_path / f"{'x' * 300}.h5")
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "here.h5").read_bytes() == b"precious"


def test_link_is_followed_and_stays(tmp_path):
    """Row 46."""
    (tmp_path / "archive").mkdir()
    real = write(make(seed=1), tmp_path / "archive" / "a.h5")
    real.chmod(0o640)
    link = tmp_path / "link.h5"
    link.symlink_to(real)
    with pytest.raises(OutputError, match="exists already"):
        write(make(seed=2), link)
    write(make(seed=2), link, overwrite=True)
    assert link.is_symlink() and same(read(real), make_read(tmp_path, seed=2))
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert os.listdir(tmp_path / "archive") == ["a.h5"]


def make_read(folder, seed):
    return read(write(make(seed=seed), folder / "other.h5"))


@pytest.mark.parametrize("length", [251, 200, 120])
def test_long_and_odd_names(tmp_path, length):
    """Row 59."""
    ts = make(3)
    for name in ("x" * length, "a b\n$(touch x);[1]", "-rf", "é" * 60):
        path = write(ts, tmp_path / f"{name}.h5", overwrite=True)
        assert len(read(path)) == 3
    assert len(os.listdir(tmp_path)) == 4


HOLD = """
import sys, time
from nircam_tso.io.atomic import claim
with claim(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_writers_of_one_product(tmp_path):
    """Row 47."""
    path = tmp_path / "a.h5"
    write(make(), path)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        begin = time.perf_counter()
        with pytest.raises(OutputError, match="written by another process"):
            write(make(seed=2), path, overwrite=True)
        assert time.perf_counter() - begin < 1
        write(make(), tmp_path / "b.h5")
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    # The lock of a killed holder holds nobody up.
    (tmp_path / ".a.h5.part").write_bytes(b"half")
    write(make(seed=2), path, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["a.h5", "b.h5"]


def test_claims_are_of_a_thread(tmp_path):
    """Row 47."""
    path = tmp_path / "a.h5"
    errors = []

    def other():
        try:
            write(make(), path, overwrite=True)
        except OutputError as error:
            errors.append(str(error))

    with claim(path), claim(path):
        write(make(), path)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(errors) == 1 and "another thread" in errors[0]
    assert os.listdir(tmp_path) == ["a.h5"]


def test_many_threads_one_wins(tmp_path):
    """Row 47."""
    results = []

    def one(seed):
        try:
            replace_file(tmp_path / "a.bin", bytes([seed]) * 100_000)
            results.append(seed)
        except OutputError:
            results.append(None)

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [seed for seed in results if seed is not None]
    assert len(winners) == 1
    assert (tmp_path / "a.bin").read_bytes() == bytes(winners) * 100_000


ECSV = """# %ECSV 1.0
# ---
# datatype:
# - {name: time, datatype: string}
# - {name: a, datatype: float64}
# meta: !!omap
META
# schema: astropy-2.0
time a
2026-01-01T00:00:00 1.0
"""


def ecsv(meta):
    return ECSV.replace("META", "\n".join(f"# {line}" for line in meta.splitlines())).encode()


def laughs():
    lines = ["- a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"- a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 12)]
    return ecsv("\n".join(lines))


HOSTILE_ECSV = {
    "tag": ecsv("- x: !!python/object/apply:os.system ['touch /tmp/pwned']"),
    "new tag": ecsv("- x: !!python/name:os.system"),
    "class": ecsv(
        "- __serialized_columns__:\n    a:\n      __class__: subprocess.Popen\n      args: ['touch', '/tmp/pwned']"
    ),
    "class in a list": ecsv("- __serialized_columns__:\n    a: {__class__: [os.system]}"),
    "laughs": laughs(),
    "deep": ecsv("- x: " + "[" * 20000),
    "long": ecsv("- x: [" + ", ".join(["1"] * 2_000_000) + "]"),
    "words": ecsv("- x: " + "y " * 1_000_000),
    "lines": ecsv("- x: \n" + "    y\n" * 300_000),
    "alias within a unit": ecsv(
        "- u: &u0 !astropy.units.Unit {unit: m}\n- v: !astropy.units.CompositeUnit {scale: 1, bases: [*u0, *u0]}"
    ),
    "huge header": ecsv("- x: " + "y" * 30_000_000),
    "no end": b"# %ECSV 1.0\n" + b"# x\n" * 8_000_000,
    "long text": ecsv('- {provenance: "' + "\\\\u0" * 100_000 + '"}'),
    "long text of nobody": ECSV.encode()
    .replace(b"META", b'# - {a: 1}\n# - {b: "' + b"y" * 70_000 + b'"}')
    .replace(b"# - {a: 1}\n", b""),
    "binary": b"# %ECSV 1.0\n" + bytes(range(256)) * 100,
    "unit laughs": ecsv("- u0: &u0 !astropy.units.Unit {unit: m, x: &u1 [1, *u0]}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE_ECSV)
def test_hostile_ecsv(tmp_path, run, kind):
    """Row 62."""
    path = tmp_path / "a.ecsv"
    path.write_bytes(HOSTILE_ECSV[kind])
    refuse(run, path)
    assert not os.path.exists("/tmp/pwned")


REFUSE = """
import sys, time
from nircam_tso.io.product import read
from astropy.timeseries import TimeSeries
from astropy.table import QTable
import h5py
from nircam_tso.exceptions import IncompleteProductError
begin = time.perf_counter()
try:
    read(sys.argv[1])
except IncompleteProductError as error:
    print(time.perf_counter() - begin, str(error)[:2000].count(sys.argv[1]), str(error)[-300:].replace("\\n", " "))
"""


def refuse(run, path):
    result = run(REFUSE, path)
    assert result.returncode == 0, result.stderr
    said, memory = result.stdout.splitlines()
    seconds, named, text = said.split(" ", 2)
    assert float(seconds) < 5
    assert named == "1"
    assert int(memory) < 500e6
    return text


def hdf5(path, kind, secret):
    good = write(make(), path.with_name("good.h5"))
    with h5py.File(good) as file:
        table, lines = file["timeseries"][()], file[DESCRIPTION][()]
    with h5py.File(path, "w") as file:
        if kind != "no description":
            file[DESCRIPTION] = lines
        if kind == "external link":
            file["timeseries"] = h5py.ExternalLink(str(good), "timeseries")
        elif kind == "soft link":
            file["timeseries"] = h5py.SoftLink("/elsewhere")
        elif kind == "external storage":
            file.create_dataset("timeseries", table.shape, table.dtype, external=[(str(secret), 0, table.nbytes)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout(table.shape, table.dtype)
            layout[:] = h5py.VirtualSource(str(good), "timeseries", table.shape, table.dtype)
            file.create_virtual_dataset("timeseries", layout)
        elif kind == "8 GB":
            file.create_dataset("timeseries", (8 << 27,), table.dtype, chunks=(1024,))
        elif kind == "packed bomb":
            dataset = file.create_dataset("timeseries", (1 << 20,), "S512", chunks=(1 << 14,), compression="gzip")
            for begin in range(0, 1 << 20, 1 << 14):
                dataset[begin : begin + (1 << 14)] = b"x"
        elif kind == "objects":
            file.create_dataset("timeseries", data=["x"] * 4, dtype=h5py.string_dtype())
        elif kind == "references":
            file.create_dataset("timeseries", data=[file.ref] * 4, dtype=h5py.ref_dtype)
        elif kind in ("text of numbers", "text of nobody", "text elsewhere"):
            file["timeseries"] = table
            if kind == "text elsewhere":
                file["timeseries.meta.provenance"] = h5py.ExternalLink(str(good), "timeseries")
            else:
                file["timeseries.meta.provenance"] = np.zeros(9, "f8" if kind == "text of numbers" else "u1")
        elif kind == "group":
            file.create_group("timeseries")
        elif kind == "many links":
            file["timeseries"] = table
            for index in range(5000):
                file[f"x{index}"] = h5py.SoftLink("/")
        elif kind == "class":
            file["timeseries"] = table
            del file[DESCRIPTION]
            file[DESCRIPTION] = np.array([line.replace(b"astropy.time.core.Time", b"os.system") for line in lines])
        else:
            file["timeseries"] = table
    good.unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "external link",
        "soft link",
        "external storage",
        "virtual",
        "8 GB",
        "packed bomb",
        "objects",
        "references",
        "group",
        "text of numbers",
        "text of nobody",
        "text elsewhere",
        "many links",
        "class",
        "no description",
    ],
)
def test_hostile_hdf5(tmp_path, run, kind):
    """Row 62."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret" * 10000)
    path = tmp_path / "a.h5"
    hdf5(path, kind, secret)
    assert "is refused" in refuse(run, path)


def test_what_is_no_file(tmp_path, run):
    """Row 62."""
    os.mkfifo(tmp_path / "a.h5")
    (tmp_path / "zero.h5").symlink_to("/dev/zero")
    (tmp_path / "d.h5").mkdir()
    for name in ("a.h5", "zero.h5", "d.h5"):
        refuse(run, tmp_path / name)


def test_table_of_somebody_else(tmp_path):
    """Row 62."""
    path = tmp_path / "a.h5"
    QTable({"time": [1.0], "a": [2.0]}).write(path, path="timeseries", serialize_meta=True)
    with pytest.raises(IncompleteProductError, match="not a product of this package"):
        read(path)
