"""The process of the local cloud: ministack with our patches. Started by supervisor.py as `python -m local_cloud.cloud`."""

from __future__ import annotations

import gc
import os

import uvloop
import yaml

# Templates are read by libyaml where PyYAML has it: in Python that takes half a second for each change set.
yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

from ministack import app as ministack  # noqa: E402

from local_cloud import faults, patches  # noqa: E402

if __name__ == "__main__":
    # The stock package is only ever started by the tests, which prove with it that each patch is needed.
    if os.environ.get("LOCAL_CLOUD_STOCK") != "1":
        patches.apply()
        faults.apply()
    # What is loaded by now stays. To look through it and through all histories for rings, every few hundred requests, took a
    # tenth of this process's time.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # With Python's own event loop a request costs more of the one process that answers them all.
    uvloop.install()
    ministack.main()
