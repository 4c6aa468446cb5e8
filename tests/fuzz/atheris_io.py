"""
Fuzzing guided by coverage: ``python tests/fuzz/atheris_io.py TARGET CORPUS -max_total_time=60``.

TARGET is one of images, lists, ecsv and hdf5; CORPUS is a folder, filled with small sound
files where it is empty. Further options are libFuzzer's. Needs atheris, which is no
dependency. What it finds becomes a test in test_found.py.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["nircam_tso.io", "nircam_tso.timing", "nircam_tso.exceptions"]):
    sys.path.insert(0, str(Path(__file__).parent))
    import seeds
    import targets


def main():
    """Fuzz one target."""
    name, corpus = sys.argv[1], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for index, content in enumerate(seeds.sound(name)):
            (corpus / f"seed{index}").write_bytes(content)
    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[3:]], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
