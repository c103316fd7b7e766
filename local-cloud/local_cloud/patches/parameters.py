"""CloudFormation: the patterns of parameters.

AWS: an AllowedPattern is a regular expression of Java, which knows the classes of Unicode (\\p{L} for letters).
"""

from __future__ import annotations

import regex
from ministack.services.cloudformation import engine


def apply() -> None:
    engine.re = regex
