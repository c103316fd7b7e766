"""`scripts/status` and `scripts/rollback`: what they make of facts, and what they read; see world.py for the facts.

`pytest tests/console` needs no cloud but for test_local_cloud.py, which starts one without databases.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
