"""Faults on order, and the calls that were made: for every service but RDS what the RDS emulator has under /_emulator/.

    GET    /_local-cloud/calls       every call since the last DELETE, oldest first (see orders.Call); with a query only
                                     those of ?service=, ?action=, with ?resource= in their ARN, and not before ?since=
    DELETE /_local-cloud/calls
    POST   /_local-cloud/faults      an order (see orders.Order); answers it with its id
    GET    /_local-cloud/faults      the orders that stand, each with the number of calls that it matched
    DELETE /_local-cloud/faults      all of them; /_local-cloud/faults/ID one

An answer of GetSecretValue, DescribeSecret or ListSecretVersionIds that is some seconds old, as AWS's eventual
consistency allows, is an order too: {"effect": "stale", "service": "secretsmanager", "action": "GetSecretValue",
"resource": part of the ARN as the caller named it, "seconds": 20, "times": 1000000}. Writes always see the newest.

    GET    /_local-cloud/timing      how late AWS is, such as the rights of a new role (see ../timing.py); PUT changes it

    orders.py       what an order says, which calls it hits, and the log of calls
    requests.py     faults between a client and a service: a layer around ministack
    invocations.py  faults between a service and a function, which ministack runs inside its process

No credentials are asked for: all of it is reachable from this machine only.
"""

from __future__ import annotations


def apply() -> None:
    """Puts the faults around the ministack of this process, after every patch."""
    from local_cloud.faults import invocations, requests

    invocations.apply()
    requests.apply()
