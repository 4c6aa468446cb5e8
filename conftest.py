"""What holds for the tests, the docstrings' examples and the documentation's alike."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import settings

try:
    from pytest_astropy_header.display import PYTEST_HEADER_MODULES, TESTED_VERSIONS
except ImportError:
    pass
else:
    from nircam_tso import __version__

    PYTEST_HEADER_MODULES.clear()
    PYTEST_HEADER_MODULES.update(
        {
            "numpy": "numpy",
            "astropy": "astropy",
            "photutils": "photutils",
            "scipy": "scipy",
            "numba": "numba",
            "h5py": "h5py",
            "pandas": "pandas",
        }
    )
    TESTED_VERSIONS["nircam_tso"] = __version__

# Sphinx runs these; they have no examples.
collect_ignore = ["docs/conf.py", "docs/_ext", "docs/figures"]

# The first example pays for compilation, so that a deadline would fail by chance.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# What asks about faults, fuzzing, mutants or a browser; no version of Python or of a dependency changes it.
_ONCE = ("tests/faults", "tests/fuzz", "tests/mutation", "tests/inspect/report/test_report_browser.py")
_ONCE_PATHS = tuple(Path(__file__).parent.joinpath(name) for name in _ONCE)


def pytest_collection_modifyitems(items):
    """Mark what one environment of tox runs for all."""
    for item in items:
        if any(item.path.is_relative_to(path) for path in _ONCE_PATHS):
            item.add_marker(pytest.mark.once)


_LOCAL = {"", "localhost", "ip6-localhost", socket.gethostname()}


def _is_local(host):
    host = host.decode() if isinstance(host, bytes) else str(host or "")
    return host in _LOCAL or host.startswith("127.") or host in {"::1", "0.0.0.0", "::"}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Nothing here needs the internet, and every test proves it."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse(what):
        # pytest's own exception is no Exception: a fallback in some library cannot swallow it.
        pytest.fail(f"asked the network for {what}", pytrace=True)

    def check(sock, address):
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            refuse(address)

    def local_connect(self, address):
        check(self, address)
        return connect(self, address)

    def local_connect_ex(self, address):
        check(self, address)
        return connect_ex(self, address)

    def local_getaddrinfo(host, *args, **kwargs):
        if not _is_local(host):
            refuse(host)
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", local_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", local_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", local_getaddrinfo)


@pytest.fixture(autouse=True)
def _own_folder(request):
    """An example in a docstring or a page may write files; it does so in a folder of its own."""
    if type(request.node).__name__ == "DoctestItem":
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
