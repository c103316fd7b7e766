"""What the original has left in the two accounts beside its instances: state machines, their rules, subscriptions, snapshots.

Nothing of it is changed. Its state machines are known by the states that the pattern publishes; those of our stacks have
them too, and are known by the outputs of their stacks.

Needs in each account: `cloudformation:DescribeStacks`, `states:ListStateMachines`, `states:DescribeStateMachine`,
`states:ListExecutions`, `events:ListRuleNamesByTarget`, `events:DescribeRule`; in the destination account also
`sns:ListSubscriptions`; in the source account also `rds:DescribeDBSnapshots`. What may not be read is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from console.facts import STACK, Snapshot, Stack, Unreadable, arn_part, is_readable
from console.reading import attempt, read_snapshots, read_stacks
from console.screen import table
from console.vocabulary import ANNOUNCEMENT, COPY_IN_DESTINATION, MOVE_SECRET, SNAPSHOT

#: Two states of each of the original's machines.
_STATES = {"source": {SNAPSHOT, ANNOUNCEMENT}, "destination": {COPY_IN_DESTINATION, MOVE_SECRET}}
#: The outputs of our stacks that are state machines.
_OWN_MACHINES = ("StateMachineArn", "RollbackStateMachineArn")


@dataclass(frozen=True)
class Rule:
    """An EventBridge rule that starts a state machine of the original."""

    name: str
    state: str
    schedule: str = ""


@dataclass(frozen=True)
class Machine:
    """A state machine of the original."""

    arn: str
    running: int | Unreadable
    """How many of its executions have not ended."""
    rules: list[Rule] | Unreadable = field(default_factory=list)


@dataclass(frozen=True)
class Traces:
    """What was found in one account. Each may be `Unreadable`."""

    role: str
    machines: list[Machine] | Unreadable = field(default_factory=list)
    subscriptions: list[str] | Unreadable = field(default_factory=list)
    """Endpoints in the destination account, other than our function, that hear the topic of our destination stack."""
    snapshots: list[Snapshot] | Unreadable = field(default_factory=list)
    """Snapshots of the source database that none of our stacks has made."""

    @property
    def running(self) -> list[Machine]:
        """The machines with executions that have not ended."""
        found = self.machines if is_readable(self.machines) else []
        return [one for one in found if isinstance(one.running, int) and one.running > 0]

    def lines(self) -> list[str]:
        """What is left as it is, and the command for each; nothing if there is nothing."""
        lines = [*self._of_machines(), *self._of_subscriptions(), *self._of_snapshots()]
        return [f"{self.role} account, beside the instances:", *(f"  {line}" for line in lines)] if lines else []

    def _of_machines(self) -> Iterator[str]:
        if isinstance(self.machines, Unreadable):
            yield f"the state machines cannot be read ({self.machines.code}), so check whether the original still runs"
            return
        for machine in self.machines:
            said = (
                f"its executions cannot be read ({machine.running.code})"
                if isinstance(machine.running, Unreadable)
                else f"{machine.running} executions run"
            )
            yield f"the original's state machine {machine.arn} ({said})"
            if isinstance(machine.rules, Unreadable):
                yield f"its rules cannot be read ({machine.rules.code})"
                continue
            for rule in machine.rules:
                when = f" on {rule.schedule}" if rule.schedule else ""
                yield f"the rule {rule.name} starts it{when}; it is {rule.state}" + (
                    f". To switch it off: aws events disable-rule --name {rule.name}" if rule.state == "ENABLED" else ""
                )

    def _of_subscriptions(self) -> Iterator[str]:
        if isinstance(self.subscriptions, Unreadable):
            yield f"the subscriptions cannot be read ({self.subscriptions.code})"
            return
        for endpoint in self.subscriptions:
            yield (
                f"{endpoint} also listens to the topic of this stack; if it is the original's, every message is "
                "replicated twice until it is unsubscribed"
            )

    def _of_snapshots(self) -> Iterator[str]:
        if isinstance(self.snapshots, Unreadable):
            yield f"the snapshots cannot be read ({self.snapshots.code})"
        elif self.snapshots:
            yield (
                "these snapshots of the source database are of none of our stacks, and no run deletes them. "
                "To delete one: aws rds delete-db-snapshot --db-snapshot-identifier <name>"
            )
            rows = [(one.identifier, one.status, f"{one.size or '?'} GiB") for one in self.snapshots]
            yield from ("  " + line for line in table([("SNAPSHOT", "STATUS", "SIZE"), *rows]))


def read_destination(account: Any, stack: Stack) -> Traces:
    """What the original has left in the destination account, where this stack of ours is."""
    return Traces(
        "destination",
        attempt(lambda: _machines(account, "destination")),
        attempt(lambda: _subscriptions(account, stack)),
    )


def read_source(account: Any, stack: Stack) -> Traces:
    """What the original has left in the source account of this destination stack, which may not be ours to read."""
    if isinstance(account, Unreadable):
        return Traces("source", account, snapshots=account)
    number = attempt(account.number)
    if isinstance(number, Unreadable):
        return Traces("source", number, snapshots=number)
    if number != arn_part(stack.parameters.get("SourceTopicArn", ""), 4):
        another = Unreadable(f"these credentials are of account {number}")
        return Traces("source", another, snapshots=another)
    return Traces(
        "source",
        attempt(lambda: _machines(account, "source")),
        snapshots=attempt(lambda: _snapshots(account, stack.database)),
    )


def _machines(account: Any, role: str) -> list[Machine]:
    states, rules = account.client("stepfunctions"), account.client("events")
    own = {stack.outputs.get(name) for stack in read_stacks(account) for name in _OWN_MACHINES}
    pages = states.get_paginator("list_state_machines").paginate()
    found = [one["stateMachineArn"] for page in pages for one in page["stateMachines"]]
    return [_machine(states, rules, arn) for arn in found if arn not in own and _has_states(states, arn, _STATES[role])]


def _machine(states: Any, rules: Any, arn: str) -> Machine:
    return Machine(arn, attempt(lambda: _running(states, arn)), attempt(lambda: _rules(rules, arn)))


def _has_states(states: Any, arn: str, wanted: set[str]) -> bool:
    try:
        definition = json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])
    except ValueError:
        return False
    return isinstance(definition, dict) and wanted <= set(definition.get("States", {}))


def _running(states: Any, arn: str) -> int:
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=arn, statusFilter="RUNNING")
    return sum(len(page["executions"]) for page in pages)


def _rules(events: Any, arn: str) -> list[Rule]:
    names = events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    found = [events.describe_rule(Name=name) for name in names]
    return [Rule(one["Name"], one["State"], one.get("ScheduleExpression", "")) for one in found]


def _subscriptions(account: Any, stack: Stack) -> list[str]:
    topic, own = stack.parameters.get("SourceTopicArn", ""), stack.outputs.get("LaunchFunctionName", "")
    pages = account.client("sns").get_paginator("list_subscriptions").paginate()
    endpoints = [
        one["Endpoint"] for page in pages for one in page["Subscriptions"] if topic and one["TopicArn"] == topic
    ]
    return [one for one in endpoints if one.split(":function:")[-1] != own]


def _snapshots(account: Any, database: str) -> list[Snapshot]:
    return [one for one in read_snapshots(account) if one.database == database and STACK not in one.tags]
