"""The benchmarks are no part of the package: they are found in the checkout."""

import sys
from pathlib import Path

# Behind all else, so that an installed package is still the one that is tested.
sys.path.append(str(Path(__file__).resolve().parents[2]))
