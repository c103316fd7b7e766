"""What whoever deploys has to be allowed, derived from the templates and from what AWS publishes about each resource type.

CloudFormation acts with the rights of whoever deploys, through the handlers of the resource types. Which actions a handler may
call is in the type's schema, in the CloudFormation registry; cfn-lint ships these schemas, so that they are pinned with it. Left
out are the actions of properties that no resource of a template has, each with its property, and those of `list`, which no stack
calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

from awscli.customizations.cloudformation.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
PARTITION, ACCOUNT, SOURCE_ACCOUNT, REGION, SOURCE_REGION, SECRET = (
    "PARTITION",
    "ACCOUNT",
    "SOURCE_ACCOUNT",
    "REGION",
    "SOURCE_REGION",
    "SECRET_NAME",
)
VIA_CLOUDFORMATION = {"aws:CalledVia": "cloudformation.amazonaws.com"}
#: What CloudFormation puts behind the logical id of a resource without a name.
SUFFIX = "1A2B3C4D5E6F"


@dataclass(frozen=True)
class Need:
    """An action on a resource, under these condition keys, and what asks for it."""

    action: str
    resource: str
    why: str
    keys: tuple[tuple[str, str], ...] = ()


#: The actions that belong to a property; they are needed if a resource of the type has it.
OF_PROPERTY: dict[str, dict[str, str]] = {
    "AWS::Events::Rule": {"iam:PassRole": "RoleArn"},
    "AWS::IAM::ManagedPolicy": {
        "iam:AttachGroupPolicy": "Groups",
        "iam:AttachRolePolicy": "Roles",
        "iam:AttachUserPolicy": "Users",
        "iam:DetachGroupPolicy": "Groups",
        "iam:DetachRolePolicy": "Roles",
        "iam:DetachUserPolicy": "Users",
    },
    "AWS::IAM::Policy": {
        "iam:DeleteGroupPolicy": "Groups",
        "iam:DeleteUserPolicy": "Users",
        "iam:GetGroupPolicy": "Groups",
        "iam:GetUserPolicy": "Users",
        "iam:PutGroupPolicy": "Groups",
        "iam:PutUserPolicy": "Users",
    },
    "AWS::IAM::Role": {"iam:UpdateRoleDescription": "Description"},
    "AWS::KMS::Key": {"kms:DisableKey": "Enabled", "kms:EnableKey": "Enabled"},
    "AWS::Lambda::Function": {
        "ec2:DescribeNetworkInterfaces": "VpcConfig",
        "ec2:DescribeSecurityGroups": "VpcConfig",
        "ec2:DescribeSubnets": "VpcConfig",
        "ec2:DescribeVpcs": "VpcConfig",
        "elasticfilesystem:DescribeMountTargets": "FileSystemConfigs",
        "kms:CreateGrant": "KmsKeyArn",
        "kms:Decrypt": "KmsKeyArn",
        "kms:DescribeKey": "KmsKeyArn",
        "kms:Encrypt": "KmsKeyArn",
        "kms:GenerateDataKey": "KmsKeyArn",
        "lambda:AssociateRuntimeAlias": "RuntimeManagementConfig",
        "lambda:DeleteFunctionCodeSigningConfig": "CodeSigningConfigArn",
        "lambda:DeleteFunctionConcurrency": "ReservedConcurrentExecutions",
        "lambda:GetCodeSigningConfig": "CodeSigningConfigArn",
        "lambda:GetLayerVersion": "Layers",
        "lambda:PassCapacityProvider": "CapacityProviderConfig",
        "lambda:PublishVersion": "PublishToLatestPublished",
        "lambda:PutFunctionCodeSigningConfig": "CodeSigningConfigArn",
        "lambda:PutFunctionConcurrency": "ReservedConcurrentExecutions",
        "lambda:PutFunctionRecursionConfig": "RecursiveLoop",
        "lambda:PutFunctionScalingConfig": "FunctionScalingConfig",
        "lambda:PutRuntimeManagementConfig": "RuntimeManagementConfig",
        "s3files:ListMountTargets": "FileSystemConfigs",
    },
    "AWS::Logs::LogGroup": {
        "firehose:TagDeliveryStream": "DataProtectionPolicy",
        "logs:AssociateKmsKey": "KmsKeyId",
        "logs:CreateLogDelivery": "DataProtectionPolicy",
        "logs:DeleteDataProtectionPolicy": "DataProtectionPolicy",
        "logs:DeleteIndexPolicy": "FieldIndexPolicies",
        "logs:DeleteResourcePolicy": "ResourcePolicyDocument",
        "logs:DisassociateKmsKey": "KmsKeyId",
        "logs:PutBearerTokenAuthentication": "BearerTokenAuthenticationEnabled",
        "logs:PutDataProtectionPolicy": "DataProtectionPolicy",
        "logs:PutIndexPolicy": "FieldIndexPolicies",
        "logs:PutLogGroupDeletionProtection": "DeletionProtectionEnabled",
        "logs:PutResourcePolicy": "ResourcePolicyDocument",
        "s3:REST.PUT.OBJECT": "DataProtectionPolicy",
    },
    "AWS::SNS::Subscription": {"iam:GetRole": "SubscriptionRoleArn", "iam:PassRole": "SubscriptionRoleArn"},
    "AWS::SNS::Topic": {
        "iam:GetRole": "DeliveryStatusLogging",
        "iam:PassRole": "DeliveryStatusLogging",
        "sns:PutDataProtectionPolicy": "DataProtectionPolicy",
        "sns:Subscribe": "Subscription",
        "sns:Unsubscribe": "Subscription",
    },
    "AWS::SecretsManager::Secret": {
        "secretsmanager:GetRandomPassword": "GenerateSecretString",
        "secretsmanager:RemoveRegionsFromReplication": "ReplicaRegions",
        "secretsmanager:ReplicateSecretToRegions": "ReplicaRegions",
    },
    "AWS::StepFunctions::StateMachine": {
        "kms:Decrypt": "EncryptionConfiguration",
        "kms:DescribeKey": "EncryptionConfiguration",
        "kms:GenerateDataKey": "EncryptionConfiguration",
    },
}

#: The actions that undo a property which every resource of the type has, at all times.
UNDOES = {
    ("AWS::KMS::Key", "kms:DisableKeyRotation"): "EnableKeyRotation",
    ("AWS::Logs::LogGroup", "logs:DeleteRetentionPolicy"): "RetentionInDays",
}

#: Who takes on the role that is passed for a type.
PASSED_TO = {
    "AWS::Events::Rule": "events.amazonaws.com",
    "AWS::Lambda::Function": "lambda.amazonaws.com",
    "AWS::StepFunctions::StateMachine": "states.amazonaws.com",
}

#: What the schemas do not have: a secret under a key of one's own asks for both (AWS Secrets Manager User Guide, "Secret
#: encryption and decryption").
BESIDE = {("AWS::SecretsManager::Secret", "KmsKeyId"): ("kms:Decrypt", "kms:GenerateDataKey")}

#: What no policy can limit to a resource that has a name before it exists (Service Authorization Reference), or at all.
ON_ANY = {
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "kms:CreateKey",
    "kms:ListAliases",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "sns:GetSubscriptionAttributes",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
}


@dataclass
class Account:
    """One of the two templates, with the names that its stack has by default."""

    role: str
    template: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.template = yaml_parse((ROOT / f"cloudformation/{self.role}-account.yaml").read_text())

    @property
    def stack(self) -> str:
        return f"rds-replication-{self.role}"

    @property
    def policy(self) -> dict[str, Any]:
        """The policy in docs for whoever deploys it."""
        return json.loads((ROOT / f"docs/deployer-policy-{self.role}.json").read_text())

    def needs(self) -> list[Need]:
        """Everything that `scripts/deploy`, and CloudFormation for it, does to make, update and remove the stack."""
        found = list(self._of_the_command())
        for name, resource in self.template["Resources"].items():
            found += self._of_resource(name, resource["Type"], resource.get("Properties", {}))
        return found

    def _of_resource(self, name: str, kind: str, properties: dict[str, Any]) -> Iterator[Need]:
        for handler in ("create", "read", "update", "delete"):
            for action in handlers(kind).get(handler, {}).get("permissions", []):
                wanted = OF_PROPERTY.get(kind, {}).get(action)
                if (wanted and not has(properties, wanted)) or (kind, action) in UNDOES:
                    continue
                for arn in self._arns(name, kind, properties, action):
                    yield Need(action, arn, f"{kind} {name}: {handler}", self._keys(kind, action))
        for (of_kind, wanted), actions in BESIDE.items():
            if kind == of_kind and has(properties, wanted):
                for action in actions:
                    arn = f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/1"
                    keys = (("kms:ViaService", f"secretsmanager.{REGION}.amazonaws.com"),)
                    yield Need(action, arn, f"{kind} {name}: {wanted}", keys)

    def _keys(self, kind: str, action: str) -> tuple[tuple[str, str], ...]:
        keys = dict(VIA_CLOUDFORMATION)
        if action == "iam:PassRole":
            keys["iam:PassedToService"] = PASSED_TO[kind]
        return tuple(keys.items())

    def _arns(self, name: str, kind: str, properties: dict[str, Any], action: str) -> list[str]:
        """The resources of the call, as the Service Authorization Reference has them."""
        if action in ON_ANY:
            return ["*"]
        own = f"{self.stack}-{name}-{SUFFIX}"
        roles = [f"arn:{PARTITION}:iam::{ACCOUNT}:role/{path}" for path in ("", "replication/")]
        if action.startswith("s3:"):
            return [f"arn:{PARTITION}:s3:::{bucket()}/0123456789abcdef"]
        if action == "iam:PassRole":
            # Of which role, does not matter: all have names of the same form.
            return [f"{role}{self.stack}-SomeRole-{SUFFIX}" for role in roles]
        match kind:
            case "AWS::CloudWatch::Alarm":
                return [f"arn:{PARTITION}:cloudwatch:{REGION}:{ACCOUNT}:alarm:{own}"]
            case "AWS::CloudWatch::Dashboard":
                return [f"arn:{PARTITION}:cloudwatch::{ACCOUNT}:dashboard/{self.stack}-{REGION}"]
            case "AWS::Events::Rule":
                return [f"arn:{PARTITION}:events:{REGION}:{ACCOUNT}:rule/{own}"]
            case "AWS::IAM::Role":
                return [f"{role}{own}" for role in roles]
            case "AWS::IAM::Policy":
                return [
                    f"{role}{self.stack}-{named['Ref']}-{SUFFIX}" for role in roles for named in properties["Roles"]
                ]
            case "AWS::IAM::ManagedPolicy":
                return [f"arn:{PARTITION}:iam::{ACCOUNT}:policy/{path}{own}" for path in ("", "replication/")]
            case "AWS::KMS::Key":
                return [f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/1"]
            case "AWS::KMS::Alias":
                return [f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:{of}" for of in ("key/1", f"alias/{self.stack}")]
            case "AWS::Lambda::Function":
                return [f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{own}"]
            case "AWS::Lambda::EventInvokeConfig" | "AWS::Lambda::Permission":
                function = properties["FunctionName"]["Ref"]
                return [f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{self.stack}-{function}-{SUFFIX}"]
            case "AWS::Logs::LogGroup":
                given = properties.get("LogGroupName", {}).get("Fn::Sub", "")
                group = given.replace("${AWS::StackName}", self.stack) or own
                return [f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT}:log-group:{group}"]
            case "AWS::Logs::MetricFilter":
                group = properties["LogGroupName"]["Ref"]
                return [f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT}:log-group:{self.stack}-{group}-{SUFFIX}"]
            case "AWS::SNS::Topic":
                return [f"arn:{PARTITION}:sns:{REGION}:{ACCOUNT}:{own}"]
            case "AWS::SNS::TopicPolicy":
                return [
                    f"arn:{PARTITION}:sns:{REGION}:{ACCOUNT}:{self.stack}-{one['Ref']}-{SUFFIX}"
                    for one in properties["Topics"]
                ]
            case "AWS::SNS::Subscription":
                if properties["TopicArn"] == {"Ref": "SourceTopicArn"}:
                    return [
                        f"arn:{PARTITION}:sns:{SOURCE_REGION}:{SOURCE_ACCOUNT}:rds-replication-source-Topic-{SUFFIX}"
                    ]
                return [f"arn:{PARTITION}:sns:{REGION}:{ACCOUNT}:{self.stack}-{properties['TopicArn']['Ref']}-{SUFFIX}"]
            case "AWS::SQS::Queue":
                return [f"arn:{PARTITION}:sqs:{REGION}:{ACCOUNT}:{own}"]
            case "AWS::SQS::QueuePolicy":
                return [
                    f"arn:{PARTITION}:sqs:{REGION}:{ACCOUNT}:{self.stack}-{one['Ref']}-{SUFFIX}"
                    for one in properties["Queues"]
                ]
            case "AWS::SecretsManager::Secret":
                return [f"arn:{PARTITION}:secretsmanager:{REGION}:{ACCOUNT}:secret:{SECRET}-1a2b3c"]
            case "AWS::StepFunctions::StateMachine":
                # CloudFormation names a machine after its logical id only.
                return [f"arn:{PARTITION}:states:{REGION}:{ACCOUNT}:stateMachine:{name}-{SUFFIX}"]
        raise ValueError(f"no resource is known for {kind}")

    def _of_the_command(self) -> Iterator[Need]:
        """What `scripts/deploy` calls itself; that it does, a story in the local cloud shows."""
        stack = f"arn:{PARTITION}:cloudformation:{REGION}:{ACCOUNT}:stack/{self.stack}/1"
        calls = {
            stack: (
                "CreateChangeSet",
                "DeleteStack",
                "DescribeChangeSet",
                "DescribeStackEvents",
                "DescribeStacks",
                "ExecuteChangeSet",
                "GetTemplateSummary",
                "TagResource",
                "UntagResource",
            ),
            f"arn:{PARTITION}:s3:::{bucket()}": (
                "CreateBucket",
                "GetBucketPolicy",
                "ListBucket",
                "PutBucketPolicy",
                "PutBucketPublicAccessBlock",
                "PutBucketVersioning",
            ),
            f"arn:{PARTITION}:s3:::{bucket()}/0123456789abcdef": ("AbortMultipartUpload", "GetObject", "PutObject"),
        }
        for resource, actions in calls.items():
            for action in actions:
                yield Need(f"{resource.split(':')[2]}:{action}", resource, "scripts/deploy")
        if self.role == "destination":
            # Whether the secret can be used, and what it names.
            arn = f"arn:{PARTITION}:secretsmanager:{REGION}:{ACCOUNT}:secret:{SECRET}-1a2b3c"
            for action in ("DescribeSecret", "GetSecretValue"):
                yield Need(f"secretsmanager:{action}", arn, "scripts/deploy")


def bucket() -> str:
    """The bucket that `scripts/deploy` makes."""
    return f"rds-replication-artifacts-{ACCOUNT}-{REGION}"


def handlers(kind: str) -> dict[str, dict[str, list[str]]]:
    """The handlers of a resource type, as the CloudFormation registry has them."""
    schemas = resources.files("cfnlint") / "data" / "schemas"
    places = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    found = json.loads((schemas / "resources" / f"{places[kind]}.json").read_text())
    assert found["typeName"] == kind
    return found["handlers"]


def has(properties: Any, name: str) -> bool:
    """Whether a resource sets this property under some parameters, itself or in one of its parts."""
    if isinstance(properties, dict):
        return name in properties or any(has(value, name) for value in properties.values())
    return isinstance(properties, list) and any(has(value, name) for value in properties)


def is_allowed(policy: dict[str, Any], need: Need) -> bool:
    """Whether some statement allows it. All are `Allow`, without `Not...`; conditions are those that the policies have."""
    return any(
        any(_like(need.action.lower(), action.lower()) for action in listed(statement["Action"]))
        and any(_like(need.resource, resource) for resource in listed(statement["Resource"]))
        and _holds(statement.get("Condition", {}), dict(need.keys))
        for statement in policy["Statement"]
    )


def _holds(conditions: dict[str, Any], keys: dict[str, str]) -> bool:
    for operator, wanted in conditions.items():
        for key, values in wanted.items():
            match operator:
                case "StringEquals" | "ForAnyValue:StringEquals":
                    is_met = keys.get(key) in listed(values)
                case "StringLike":
                    is_met = key in keys and any(_like(keys[key], value) for value in listed(values))
                case _:
                    raise ValueError(f"the operator {operator} is not known")
            if not is_met:
                return False
    return True


def _like(text: str, pattern: str) -> bool:
    """Whether a text has the form of a pattern of IAM, in which only * and ? mean something."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def listed(value: Any) -> list[Any]:
    """One value or several, as a list."""
    return value if isinstance(value, list) else [value]
