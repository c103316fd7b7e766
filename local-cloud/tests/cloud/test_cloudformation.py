"""Stacks as ministack has them already: what our own scripts ask of them, and two machines in one stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from accounts import Accounts, allow

ANYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
SERVICES = {"Service": ["states.amazonaws.com", "events.amazonaws.com"]}
TRUST = {"Statement": [{"Effect": "Allow", "Principal": SERVICES, "Action": "sts:AssumeRole"}]}
RULE = {"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"]}


def template(name: str, first: str, second: str) -> str:
    """Two machines from S3, a rule for the failures of both that tells a queue, and a schedule that is off."""

    def machine(definition: str, word: Any) -> dict:
        location = {"Bucket": name, "Key": definition}
        properties = {"DefinitionS3Location": location, "DefinitionSubstitutions": {"Word": word}}
        return {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"RoleArn": {"Fn::GetAtt": "Role.Arn"}, **properties},
        }

    machines = [{"Ref": "StateMachine"}, {"Ref": "RollbackStateMachine"}]
    pattern = {**RULE, "detail": {"status": ["FAILED"], "stateMachineArn": machines}}
    send = {"Effect": "Allow", "Principal": SERVICES, "Action": "sqs:SendMessage", "Resource": "*"}
    policy = {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Statement": [send]}}
    target = {"Id": "queue", "Arn": {"Fn::GetAtt": "Queue.Arn"}}
    role = {"AssumeRolePolicyDocument": TRUST, "Policies": [{"PolicyName": "all", "PolicyDocument": ANYTHING}]}
    return json.dumps(
        {
            "Description": f"the stack of {name}",
            "Parameters": {"Word": {"Type": "String"}, "Hidden": {"Type": "String", "NoEcho": True, "Default": "x"}},
            "Resources": {
                "Role": {"Type": "AWS::IAM::Role", "Properties": role},
                "StateMachine": machine(first, {"Ref": "Word"}),
                "RollbackStateMachine": machine(second, "second"),
                "Queue": {"Type": "AWS::SQS::Queue"},
                "QueuePolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
                "Rule": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern, "Targets": [target]}},
                "ScheduleRule": {
                    "Type": "AWS::Events::Rule",
                    "Properties": {"ScheduleExpression": "cron(0 * * * ? *)", "State": "DISABLED"},
                },
            },
            "Outputs": {
                "StateMachineArn": {"Value": {"Ref": "StateMachine"}},
                "RollbackStateMachineArn": {"Value": {"Ref": "RollbackStateMachine"}},
                "QueueUrl": {"Value": {"Ref": "Queue"}},
            },
        }
    )


class Stack:
    """A stack of the source account with two machines."""

    def __init__(self, cloud: Any, name: str, eventually: Callable) -> None:
        self.cloud, self.name, self.eventually = cloud, name, eventually
        self.stacks, self.states = cloud.client("cloudformation", "source"), cloud.client("stepfunctions", "source")
        self._objects = cloud.client("s3", "source")
        self._objects.create_bucket(Bucket=name)
        fail = {"Type": "Fail", "Error": "${Word}"}
        self.put("first", {"StartAt": "Fail", "States": {"Fail": fail}})
        self.put("second", {"StartAt": "Begin", "States": {"Begin": {"Type": "Pass", "Next": "Fail"}, "Fail": fail}})
        self._change(self.stacks.create_stack, "first", "second", {"ParameterKey": "Word", "ParameterValue": "first"})

    def put(self, key: str, definition: dict) -> None:
        self._objects.put_object(Bucket=self.name, Key=key, Body=json.dumps(definition).encode())

    def update(self, first: str, second: str) -> None:
        self._change(self.stacks.update_stack, first, second, {"ParameterKey": "Word", "UsePreviousValue": True})

    def describe(self) -> dict:
        return self.stacks.describe_stacks(StackName=self.name)["Stacks"][0]

    def output(self, name: str) -> str:
        outputs = {output["OutputKey"]: output["OutputValue"] for output in self.describe()["Outputs"]}
        return outputs[name]

    def definition(self, output: str) -> dict:
        return json.loads(self.states.describe_state_machine(stateMachineArn=self.output(output))["definition"])

    def _change(self, change: Callable, first: str, second: str, parameter: dict) -> None:
        change(
            StackName=self.name,
            TemplateBody=template(self.name, first, second),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[parameter],
        )
        done = self.eventually(lambda: self.describe()["StackStatus"].endswith("_COMPLETE") and self.describe())
        assert done["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@pytest.fixture
def stack(cloud: Any, name: str, eventually: Callable) -> Stack:
    return Stack(cloud, name, eventually)


def test_two_machines_of_a_stack_have_their_own_definitions(stack: Stack) -> None:
    assert stack.definition("StateMachineArn")["States"] == {"Fail": {"Type": "Fail", "Error": "first"}}
    assert stack.definition("RollbackStateMachineArn")["States"]["Fail"]["Error"] == "second"
    stack.put("other", {"StartAt": "Begin", "States": {"Begin": {"Type": "Pass", "Result": "${Word}", "End": True}}})
    stack.update("first", "other")
    assert stack.definition("RollbackStateMachineArn")["States"]["Begin"]["Result"] == "second"
    assert stack.definition("StateMachineArn")["StartAt"] == "Fail"


def test_one_rule_hears_of_both_machines_and_of_no_other(stack: Stack, accounts: Accounts) -> None:
    fail = json.dumps({"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "Other"}}})
    role = accounts.role("source", f"{stack.name}-other", "states.amazonaws.com")
    other = stack.states.create_state_machine(name=stack.name, definition=fail, roleArn=role)["stateMachineArn"]
    ours = [stack.output("StateMachineArn"), stack.output("RollbackStateMachineArn")]
    for machine in (other, *ours):
        stack.states.start_execution(stateMachineArn=machine)
    queues, heard = stack.cloud.client("sqs", "source"), []

    def both() -> bool:
        messages = queues.receive_message(QueueUrl=stack.output("QueueUrl"), MaxNumberOfMessages=10).get("Messages", [])
        heard.extend(json.loads(message["Body"])["detail"] for message in messages)
        return len(heard) >= 2

    stack.eventually(both)
    assert sorted(detail["stateMachineArn"] for detail in heard) == sorted(ours)
    assert {detail["status"] for detail in heard} == {"FAILED"}


def test_stacks_are_described_with_and_without_a_name(stack: Stack, accounts: Accounts) -> None:
    second = f"{stack.name}-second"
    topic = json.dumps({"Description": "another", "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    stack.stacks.create_stack(StackName=second, TemplateBody=topic)
    session = accounts.session("source", stack.name, allow("cloudformation:DescribeStacks"))
    role = stack.cloud.client("cloudformation", "source", **session)
    pages = role.get_paginator("describe_stacks").paginate()
    found = {one["StackName"]: one for page in pages for one in page["Stacks"]}
    assert found[second]["Description"] == "another"
    ours = found[stack.name]
    assert (ours["StackStatus"], ours["Description"]) == ("CREATE_COMPLETE", f"the stack of {stack.name}")
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in ours["Parameters"]}
    assert parameters == {"Word": "first", "Hidden": "****"}
    outputs = {output["OutputKey"] for output in ours["Outputs"]}
    assert outputs == {"StateMachineArn", "RollbackStateMachineArn", "QueueUrl"}
    stack.stacks.delete_stack(StackName=second)
    stack.eventually(lambda: second not in [one["StackName"] for one in role.describe_stacks()["Stacks"]])
    with pytest.raises(role.exceptions.ClientError, match="does not exist"):
        role.describe_stacks(StackName=second)


def test_resources_are_found_by_their_logical_names(stack: Stack, accounts: Accounts) -> None:
    actions = ("DescribeStackResource", "DescribeStackResources", "ListStackResources")
    scope = f"arn:aws:cloudformation:us-east-1:111111111111:stack/{stack.name}/*"
    session = accounts.session("source", stack.name, *(allow(f"cloudformation:{action}", scope) for action in actions))
    role = stack.cloud.client("cloudformation", "source", **session)
    asked = role.describe_stack_resource(StackName=stack.name, LogicalResourceId="RollbackStateMachine")
    assert asked["StackResourceDetail"]["PhysicalResourceId"] == stack.output("RollbackStateMachineArn")
    listed = [
        role.describe_stack_resources(StackName=stack.name)["StackResources"],
        role.list_stack_resources(StackName=stack.name)["StackResourceSummaries"],
    ]
    for resources in listed:
        named = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        assert named["StateMachine"] == stack.output("StateMachineArn")
    rule = stack.cloud.client("events", "source").describe_rule(Name=named["ScheduleRule"])
    assert (rule["State"], rule["ScheduleExpression"]) == ("DISABLED", "cron(0 * * * ? *)")
    with pytest.raises(role.exceptions.ClientError, match="does not exist"):
        role.describe_stack_resource(StackName=stack.name, LogicalResourceId="Nothing")


def test_executions_and_their_histories_are_read_page_by_page(stack: Stack, accounts: Accounts) -> None:
    machine = stack.output("RollbackStateMachineArn")
    started = [stack.states.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(5)]
    failed = {"stateMachineArn": machine, "statusFilter": "FAILED"}
    stack.eventually(lambda: len(stack.states.list_executions(**failed)["executions"]) == 5)
    session = accounts.session(
        "source",
        stack.name,
        allow("states:ListExecutions", machine),
        allow("states:DescribeStateMachine", machine),
        allow("states:GetExecutionHistory", machine.replace(":stateMachine:", ":execution:") + ":*"),
    )
    role = stack.cloud.client("stepfunctions", "source", **session)
    assert role.describe_state_machine(stateMachineArn=machine)["status"] == "ACTIVE"
    pages = list(role.get_paginator("list_executions").paginate(stateMachineArn=machine, maxResults=2))
    assert [len(page["executions"]) for page in pages] == [2, 2, 1]
    listed = [execution for page in pages for execution in page["executions"]]
    assert sorted(one["executionArn"] for one in listed) == sorted(started)
    # Those that have ended are sorted by their ends.
    ends = [execution["stopDate"] for execution in listed]
    assert ends == sorted(ends, reverse=True)
    assert role.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"] == []

    history = role.get_paginator("get_execution_history").paginate(executionArn=started[0], maxResults=2)
    events = [event for page in history for event in page["events"]]
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "FailStateEntered",
        "ExecutionFailed",
    ]
    assert events[-1]["executionFailedEventDetails"]["error"] == "second"
    with pytest.raises(role.exceptions.ClientError, match="AccessDenied"):
        role.list_executions(stateMachineArn=f"{machine}-other")
    with pytest.raises(role.exceptions.ExecutionDoesNotExist):
        role.get_execution_history(executionArn=f"{started[0]}0")


@pytest.mark.patch
def test_a_stack_that_is_made_anew_has_other_names(cloud: Any, name: str, eventually: Callable) -> None:
    stacks = cloud.client("cloudformation", "source")
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
    resources = {"Topic": {"Type": "AWS::SNS::Topic"}, "Queue": {"Type": "AWS::SQS::Queue"}, "Role": role}

    def names(change: Callable, description: str) -> dict[str, str]:
        body = json.dumps(
            {"Description": description, "Resources": {**resources, description: {"Type": "AWS::SNS::Topic"}}}
        )
        change(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
        done = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        eventually(lambda: stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] in done)
        found = stacks.describe_stack_resources(StackName=name)["StackResources"]
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in found
            if one["LogicalResourceId"] in resources
        }

    def gone() -> bool:
        try:
            stacks.describe_stacks(StackName=name)
            return False
        except stacks.exceptions.ClientError:
            return True

    first = names(stacks.create_stack, "First")
    assert set(first) == set(resources)
    # An update keeps them.
    assert names(stacks.update_stack, "Second") == first
    stacks.delete_stack(StackName=name)
    eventually(gone)
    again = names(stacks.create_stack, "First")
    assert not set(first.values()) & set(again.values())
    stacks.delete_stack(StackName=name)
    eventually(gone)


@pytest.mark.patch
def test_a_role_of_a_stack_has_the_boundary_of_its_template(cloud: Any, name: str, eventually: Callable) -> None:
    stacks, iam = cloud.client("cloudformation", "source"), cloud.client("iam", "source")
    boundary = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(ANYTHING))["Policy"]["Arn"]

    def change(call: Callable, **properties: str) -> str:
        role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, **properties}}
        body = json.dumps({"Resources": {"Role": role}, "Outputs": {"Name": {"Value": {"Ref": "Role"}}}})
        call(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])

        def ended() -> str | None:
            status = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return None if status.endswith("IN_PROGRESS") else status

        return eventually(ended)

    def role() -> dict:
        outputs = stacks.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
        return iam.get_role(RoleName=outputs[0]["OutputValue"])["Role"]

    assert change(stacks.create_stack, PermissionsBoundary=boundary, Path="/replication/") == "CREATE_COMPLETE"
    assert role()["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    assert ":role/replication/" in role()["Arn"]
    assert change(stacks.update_stack, Path="/replication/") == "UPDATE_COMPLETE"
    assert "PermissionsBoundary" not in role()
    unknown = boundary + "-unknown"
    assert change(stacks.update_stack, Path="/replication/", PermissionsBoundary=unknown) == "UPDATE_ROLLBACK_COMPLETE"


def test_a_condition_may_ask_what_is_before_a_character(cloud: Any, name: str, eventually: Callable) -> None:
    stacks = cloud.client("cloudformation", "source")
    first = {"Fn::Select": [0, {"Fn::Split": ["*", {"Ref": "Pattern"}]}]}
    template = json.dumps(
        {
            "Parameters": {"Pattern": {"Type": "String"}},
            "Conditions": {"IsName": {"Fn::Equals": [first, {"Ref": "Pattern"}]}},
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {"Kind": {"Value": {"Fn::If": ["IsName", "name", "pattern"]}}},
        }
    )

    def kind(stack: str, pattern: str) -> str:
        given = [{"ParameterKey": "Pattern", "ParameterValue": pattern}]
        stacks.create_stack(StackName=stack, TemplateBody=template, Parameters=given)
        return eventually(lambda: stacks.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs"))[0]["OutputValue"]

    assert [kind(f"{name}-{n}", pattern) for n, pattern in enumerate(("orders", "orders-*", "*"))] == [
        "name",
        "pattern",
        "pattern",
    ]
