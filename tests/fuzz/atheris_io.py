"""
Fuzzing guided by coverage: ``python tests/fuzz/atheris_io.py -max_total_time=60``.

Every target is fuzzed in turn, each in a process of its own; names among ``images``,
``lists``, ``ecsv`` and ``hdf5`` choose some of them. Options that begin with one dash are
libFuzzer's and hold for each target. With ``--corpus FOLDER`` what was tried is kept in
``FOLDER/TARGET`` for the next run, else it is thrown away. An input that breaks a target is
kept in ``FOLDER/found`` (without a folder: in ``fuzz-found`` here), and the exit code is 1.

Needs atheris, which is no dependency: ``pip install atheris`` (Python 3.11 to 3.13). What it
finds becomes a test in ``test_found.py``.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TARGETS = ("images", "lists", "ecsv", "hdf5")
#: An input that takes longer or more memory than this is one that breaks the target.
LIMITS = ("-timeout=30", "-rss_limit_mb=2048")


def fuzz(name, corpus, options):
    """Fuzz one target; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["nircam_tso.io", "nircam_tso.timing", "nircam_tso.exceptions"]):
        sys.path.insert(0, str(FOLDER))
        import seeds
        import targets
    corpus.mkdir(parents=True, exist_ok=True)
    for index, content in enumerate(seeds.sound(name)):
        (corpus / f"seed{index}").write_bytes(content)
    atheris.Setup([sys.argv[0], str(corpus), *options], targets.TARGETS[name])
    atheris.Fuzz()


def main(args):
    """Fuzz the targets that are named, or all; return the exit code."""
    args = list(args)
    if args[:1] == ["--one"]:
        return fuzz(args[1], Path(args[2]), args[3:])
    kept = None
    if "--corpus" in args:
        at = args.index("--corpus")
        kept = Path(args[at + 1])
        del args[at : at + 2]
    options = [arg for arg in args if arg.startswith("-")]
    names = [arg for arg in args if not arg.startswith("-")] or TARGETS
    if unknown := set(names) - set(TARGETS):
        sys.exit(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    found = (kept / "found" if kept else Path("fuzz-found")).absolute()
    broken = []
    with tempfile.TemporaryDirectory(prefix="corpus-") as scratch:
        for name in names:
            found.mkdir(parents=True, exist_ok=True)
            corpus = (kept or Path(scratch)) / name
            prefix = f"-artifact_prefix={found}/{name}-"
            command = [sys.executable, __file__, "--one", name, str(corpus), *LIMITS, prefix, *options]
            if subprocess.run(command, check=False).returncode:
                broken.append(name)
    if not broken:
        # libFuzzer notes inputs that are merely slow, too.
        print(f"nothing found in {', '.join(names)}")
        if not any(found.iterdir()):
            found.rmdir()
        return 0
    print(f"broken: {', '.join(broken)}; see {found}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
