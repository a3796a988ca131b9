"""One computing thread for every test: results repeat, and busy machines do not thrash.

No test fails for being slow: what takes how long is the benchmarks' subject.
"""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
