"""The page of the data model against real products: no key, column or type may part from it."""

import hashlib
import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from astropy import units as u
from astropy.table import QTable
from astropy.time import Time

from nircam_tso import AnnulusBackground, EllipseShape, QualityFlag, TimeSeriesExtractor, good, write
from nircam_tso.columns import COLUMNS
from nircam_tso.extractor.table import SCHEMA_VERSION
from nircam_tso.simulate import simulate_exposure

DOCS = Path(__file__).resolve().parents[2] / "docs"


def load(name):
    """A module of the documentation's extensions."""
    spec = spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    module = module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


KEYS = load("product_keys")


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Products of several kinds, by name."""
    folder = tmp_path_factory.mktemp("data_model")
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:40, :50]
    star = 3000 * np.exp(-((x - 26.3) ** 2 + (y - 18.7) ** 2) / (2 * 1.4**2))
    second = 2000 * np.exp(-((x - 12.2) ** 2 + (y - 30.1) ** 2) / (2 * 1.4**2))
    cube = rng.poisson(100 + star + second, (12, 40, 50)).astype(float)
    times = Time(60000 + np.arange(12) / 1440, format="mjd", scale="utc")
    times[3] = np.ma.masked
    ccd = {"gain": 1, "read_noise": 0}
    made = {
        "array": TimeSeriesExtractor().extract(cube, times=times),
        "noiseless": TimeSeriesExtractor(aperture_radii=[3]).extract(np.stack([star] * 3)),
        "stars": TimeSeriesExtractor(
            aperture_radii=[3, 2.5],
            position=[(26, 19), (12, 30)],
            center="median",
            fit_background=True,
            components=3,
            aperture_shapes={"wide": EllipseShape(6, 4, 0 * u.deg)},
            **ccd,
        ).extract(cube, times=times, unit="electron"),
    }
    ramps = simulate_exposure(folder / "ramps", n_integrations=6, shape=(32, 40), n_groups=4, product="uncal", seed=3)
    for ramp in ("last-first", "slope", "groups"):
        extractor = TimeSeriesExtractor(aperture_radii=[4], ramp=ramp, center="fixed", gain=2, read_noise=10)
        made[ramp] = extractor.extract(ramps.paths)
    segments = simulate_exposure(
        folder / "calints", n_integrations=12, shape=(64, 64), segments=2, product="calints", seed=4
    )
    extractor = TimeSeriesExtractor.for_source(segments.paths, radius_unit="fwhm", aperture_radii=[1.5])
    made["segments"] = extractor.extract(segments.paths, hash_inputs=True)
    for product in ("slp", "red"):
        ground = simulate_exposure(
            folder / product, n_integrations=3, shape=(32, 40), n_groups=3, format="ncdhas", product=product, seed=5
        )
        made[product] = TimeSeriesExtractor(background=AnnulusBackground(8, 12)).extract(ground.paths)
    return made


def base(name, meta):
    """A key without the ending of a further star."""
    for star in range(2, meta["n_stars"] + 1):
        name = name.removesuffix(f"_star{star}")
    return name


def test_page_and_products_have_the_same_keys(products):
    described = {key.name: key for key in KEYS.META}
    met = set()
    for kind, ts in products.items():
        names = {base(name, ts.meta) for name in ts.meta}
        assert names <= set(described), f"{kind}: {sorted(names - set(described))} are on no page"
        always = {key.name for key in KEYS.META if not key.when}
        assert always <= names, f"{kind}: {sorted(always - names)} are not there, though the page says always"
        met |= names
    assert set(described) == met


def test_values_have_the_types_of_the_page(products):
    described = {key.name: key for key in KEYS.META}
    for kind, ts in products.items():
        for name, value in ts.meta.items():
            assert type(value) in described[base(name, ts.meta)].types, f"{kind}: {name} is {value!r}"


def test_keys_of_further_stars(products):
    meta = products["stars"].meta
    there = {name for name in meta if name.endswith("_star2")}
    assert there == {f"{key.name}_star2" for key in KEYS.META if key.per_star}


def test_keys_stand_in_the_order_of_the_page(products):
    order = [key.name for key in KEYS.META]
    names = list(products["array"].meta)
    fixed = [name for name in names if name in order[: order.index("center_x")]]
    assert fixed == order[: order.index("center_x")]


def test_schema_version_is_the_one_described():
    described = {key.name: key.description for key in KEYS.META}["schema_version"]
    assert f'"{SCHEMA_VERSION}"' in described


def test_provenance_is_described(products):
    described = {key.name: key for key in KEYS.PROVENANCE}
    sources = {key.name: key for key in KEYS.SOURCE}
    met = set()
    for kind, ts in products.items():
        provenance = json.loads(ts.meta["provenance"])
        assert set(provenance) == set(described), kind
        for name, value in provenance.items():
            assert type(value) in described[name].types
        for source in provenance["sources"]:
            met |= set(source)
            assert {key.name for key in KEYS.SOURCE if not key.when} <= set(source)
            for name, value in source.items():
                assert type(value) in sources[name].types, f"{kind}: {name} is {value!r}"
        assert provenance["quality_bits"] == {bit.name: bit.value for bit in QualityFlag}
    assert met == set(sources)


def test_every_setting_is_described(products):
    """The page takes the settings from the docstring of the class."""
    described = KEYS.parameters(TimeSeriesExtractor)
    settings = json.loads(products["array"].meta["provenance"])["settings"]
    assert set(settings) == {name for name, _, _ in described}
    assert all(description for _, _, description in described)


def test_every_column_is_met(products):
    met = {name for ts in products.values() for name in ts.colnames}
    for column in COLUMNS:
        filled = column.name.format(r="3", name="wide")
        assert filled in met, f"no product of this test has {filled}"


def test_columns_have_the_types_of_the_page(products):
    for column in COLUMNS:
        name = column.name.format(r="3", name="wide")
        for ts in products.values():
            if name in ts.colnames and column.unit != "time":
                assert ts[name].dtype == np.dtype(column.dtype), name


@pytest.mark.parametrize("kind", ["array", "stars", "groups", "segments", "slp"])
@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
def test_stored_keys_are_described(products, tmp_path, kind, suffix):
    path = write(products[kind], tmp_path / f"a{suffix}")
    # Astropy's readers, which leave all keys but their own where they are.
    if suffix == ".h5":
        header = QTable.read(path, format="hdf5", path="timeseries").meta
    else:
        header = QTable.read(path, format="ascii.ecsv").meta
    added = {name for name in header if name not in products[kind].meta}
    assert added == {key.name for key in KEYS.STORED if not key.name.startswith("__")}


#: Runs a script where neither the package nor astropy can be imported.
BARE = """
import runpy, sys
for name in ("nircam_tso", "astropy", "photutils"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_bare(script, path):
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(DOCS / "data_model" / script), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("kind", ["array", "segments"])
@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
def test_pages_own_lines_read_a_product(products, tmp_path, kind, suffix):
    """What the page prints stands on its own: without this package and without astropy."""
    ts = products[kind]
    path = write(ts, tmp_path / f"a{suffix}")
    lines = run_bare(f"read_{'hdf5' if suffix == '.h5' else 'ecsv'}.py", path)
    rows = ts[good(ts)]
    assert len(lines) == len(rows) > 0
    for line, row in zip(lines, rows, strict=True):
        # "MJy / sr" is three words; sums have units of one.
        time, *values = line.replace("electron", "").replace("Jy", "").split()
        if suffix == ".h5":
            assert float(time) == pytest.approx(row["time"].mjd, abs=1e-9)
        else:
            assert abs((Time(time) - row["time"]).to_value("ns")) < 10
        numbers = [float(value) for value in values]
        expected = [row[name].value for name in ts.colnames if name.startswith("aperture_sum_r")]
        assert numbers == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
def test_pages_own_lines_read_very_long_texts(products, tmp_path, suffix):
    """The provenance of thousands of files."""
    ts = products["array"][:]
    provenance = json.loads(ts.meta["provenance"])
    provenance["sources"] = [{"name": f"n{k:04}_I{k:03}.red.fits", "header_sha256": "0" * 64} for k in range(2000)]
    ts.meta["provenance"] = json.dumps(provenance, sort_keys=True)
    path = write(ts, tmp_path / f"a{suffix}")
    assert len(run_bare(f"read_{'hdf5' if suffix == '.h5' else 'ecsv'}.py", path)) == good(ts).sum()


def test_page_names_units(products, tmp_path):
    ts = products["stars"]
    assert "electron" in run_bare("read_hdf5.py", write(ts, tmp_path / "a.h5"))[0]
    assert "electron" in run_bare("read_ecsv.py", write(ts, tmp_path / "a.ecsv"))[0]


def test_page_checks_the_seal(products, tmp_path):
    path = write(products["array"], tmp_path / "a.h5")
    assert run_bare("check_seal.py", path) == ["as it was written"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert run_bare("check_seal.py", path) == ["changed"]


def recipe(path):
    """The digest of an HDF5 product as the page's words have it, out of the bare file; and what the file says."""

    class Plain(yaml.SafeLoader):
        pass

    # Astropy's own tags around maps of plain things.
    Plain.add_multi_constructor("!astropy", lambda loader, _, node: loader.construct_mapping(node, deep=True))
    with h5py.File(path) as file:
        rows = file["timeseries"][()]
        header = yaml.load(b"\n".join(file["timeseries.__table_column_meta__"][()]).decode(), Plain)
    meta = dict(header["meta"])
    made = meta["__serialized_columns__"]
    told = meta.pop("digest")
    plain = {key: value for key, value in meta.items() if not key.startswith("__")}
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    done = set()
    for entry in header["datatype"]:
        name, _, part = entry["name"].partition(".jd")
        if name in done:
            continue
        done.add(name)
        about = [name, entry.get("description", ""), entry.get("unit", "")]
        if part:
            about[1] = made[name]["__info__"]["description"]
            has_mask = f"{name}.jd1.mask" in rows.dtype.names
            unknown = rows[f"{name}.jd1.mask"] if has_mask else np.zeros(len(rows), bool)
            digest.update(unknown.tobytes())
            for day in ("jd1", "jd2"):
                digest.update(np.where(unknown, 0.0, rows[f"{name}.{day}"]).astype("<f8").tobytes())
            about.append(made[name]["scale"])
        else:
            values = rows[name]
            if values.dtype.kind == "f":
                values = np.where(np.isnan(values), np.nan, values)
            digest.update(np.ascontiguousarray(values).tobytes())
            about += [values.dtype.str, list(values.shape)]
        digest.update(json.dumps(about).encode())
    return digest.hexdigest(), told


@pytest.mark.parametrize("kind", ["array", "stars", "groups", "segments", "slp"])
def test_recipe_of_the_digest(products, tmp_path, kind):
    found, told = recipe(write(products[kind], tmp_path / "a.h5"))
    assert found == told
