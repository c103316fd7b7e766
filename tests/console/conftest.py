"""`scripts/status` and `scripts/rollback`: what they make of facts, and what they read and start.

world.py makes facts, as if they had been read; aws.py answers real clients without a network. No cloud is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
