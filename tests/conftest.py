"""Settings for all tests, and a compilation cache for every version of the source.

numba does not recompile a kernel when a function it calls changes in another file, so
that a warm cache could hide a bug.
"""

import hashlib
import importlib.util
import os
import re
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

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# A first call compiles, so no deadline means anything; the same examples every run.
settings.register_profile("skmtl", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("skmtl")

# Growing trees in plain Python takes minutes where compiled loops take milliseconds:
# without compilation the kernels of boosting are tested one by one, fits are not.
BOOSTS = re.compile(
    r"MultiTaskBoosting\w+\(|TaskHeads\(|test_boosting\.py|test_task_heads\.py"
    r"|guide/(automatic|boosting|active)\.md|getting_started|docs/index"
)
# Whether the task's column is the first or the last of a table is the library's own
# affair: one of them tells what other versions of its requirements make of it.
ANY_VERSION = re.compile(r"test_contract.*\btask_feature=0\)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the tests that fit boosted trees, and those alike in all versions."""
    for item in items:
        if BOOSTS.search(item.nodeid):
            item.add_marker(pytest.mark.nojit_skip)
        if ANY_VERSION.search(item.nodeid):
            item.add_marker(pytest.mark.any_version)
