"""The commands: what they make of what they have read, and what they start.

aws.py answers real clients without a network. No cloud is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
