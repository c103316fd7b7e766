"""The process of the local cloud: ministack with our patches. Started by supervisor.py as `python -m local_cloud.cloud`."""

from __future__ import annotations

import os

from ministack import app as ministack

from local_cloud import faults, patches

if __name__ == "__main__":
    # The stock package is only ever started by the tests, which prove with it that each patch is needed.
    if os.environ.get("LOCAL_CLOUD_STOCK") != "1":
        patches.apply()
        faults.apply()
    ministack.main()
