"""Settings for all tests, and a compilation cache for every version of the source.

numba does not recompile a kernel when a function it calls changes in another file, so
that a warm cache could hide a bug.
"""

import hashlib
import importlib.util
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

# One of scikit-learn's checks runs only if this is set before SciPy is imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

package = Path(importlib.util.find_spec("skmtl").origin).parent
source = b"".join(path.read_bytes() for path in sorted(package.rglob("*.py")))
numba = version("numba").encode()
digest = hashlib.sha256(source + numba).hexdigest()[:16]
if not os.environ.get("NUMBA_CACHE_DIR"):
    os.environ["NUMBA_CACHE_DIR"] = str(
        Path(tempfile.gettempdir(), "skmtl-kernels", digest)
    )

from hypothesis import settings  # noqa: E402

# A first call compiles, so no deadline means anything; the same examples every run.
settings.register_profile("skmtl", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("skmtl")
