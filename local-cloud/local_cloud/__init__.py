"""The local two-account cloud: ministack, pinned, with patches of ours where it is laxer than AWS, and the RDS emulator.

    cloud.py        the process: applies patches/ to ministack and runs it
    patches/        one module a service; each says what AWS does and ministack does not
    faults/         faults on order and the log of calls, for tests
    timing.py       how late AWS is, such as the rights of a new role, as tests order it
    permissions.py  what a principal or a service may do, for the patches
    supervisor.py   starts and stops the processes
    processes.py    ends processes without ending anybody else's
    command.py      scripts/local-cloud
    aws_cli.py      the aws command of target/tools

Tests start a cloud of their own, with its own ports and directory, next to any other (PYTHONPATH must contain
local-cloud/):

    from local_cloud import launch

    with launch(Path("target/tests/my-cloud"), wait_scale=0.01) as cloud:
        cloud.client("rds", "source").describe_db_instances()
        subprocess.run(["aws", "rds", ...], env={**os.environ, **cloud.environment("destination")})

`launch(..., with_rds=False)` leaves the RDS emulator out, `emulator=Path(...)` names its binary, and
`emulator_arguments=(...)` is added to its command. What the processes say is in <directory>/cloud.log and rds.log.

Every process of a cloud carries the variable LOCAL_CLOUD_DIRECTORY; by it `stop` finds functions and PostgreSQL
servers too, and nobody else's. Everything is held in memory: a cloud that is started anew is empty. A directory belongs
to the process that called `launch` (or to `--owner`) as long as that and its cloud run; others are refused, and neither
replace nor end it. `scripts/local-cloud down` removes the databases; `Cloud.stop` leaves them to be looked at.

Time. `wait_scale` (SFN_WAIT_SCALE) multiplies Wait states, the delays of Retry and those of asynchronous invocations.
It does not multiply TimeoutSeconds, the periods of alarms, or what the RDS emulator takes for an operation.

CloudFormation, as tried: SNS topics, their policies and subscriptions (across accounts too), Lambda functions from S3,
permissions and EventInvokeConfig, state machines with DefinitionS3Location and DefinitionSubstitutions (checked as AWS
checks them), rules with targets and roles, SQS queues and policies, KMS keys and aliases, secrets (an update leaves
the value alone unless the template's own SecretString changes), alarms, log groups. A secret whose name is taken, also
by one that is scheduled for deletion, fails its stack and is left as it is. LoggingConfiguration and
TracingConfiguration of a state machine are accepted and do nothing. `!Ref` of a secret gives its name here and its ARN
in AWS: use `!GetAtt Secret.Id`.

A failed function that SNS or EventBridge invoked is retried by Lambda, not by them, as in AWS: such an event ends in
the on-failure destination of the function (AWS::Lambda::EventInvokeConfig). Only what Lambda refuses to take, because
the function is gone or its policy is silent, goes to the queue of a subscription's RedrivePolicy or of a target's
DeadLetterConfig.

The RDS emulator. Its admin API is below AWS_ENDPOINT_URL_RDS + /_emulator/, without credentials and in JSON:

    GET    calls, DELETE calls       every call with its principal, resource and outcome, oldest first
    POST   faults                    an order (below); answers it with its id. GET, DELETE: all; DELETE faults/ID: one
    GET    timing, PUT timing        seconds that operations take; PUT changes the fields given and no other
    GET    quotas, PUT quotas        manualSnapshots (100), instances (40), copies (20 at a time), allocatedStorage (100000 GiB),
                                     parameterGroups (50), optionGroups (20)
    GET    switches, PUT switches    what is unknown about RDS or has changed, the harder way by default (below)
    GET    instances                 each with "busy": a change that the status may not tell yet
    POST   resources/aws-backup      {"arn", "protected"}: AWS Backup keeps its automated backups, so that DeleteDBInstance
                                     with default parameters is refused
    GET    snapshots                 what copies have moved: copyKind, copiedBytes, contentBytes, reason
    POST   resources/engine          {"arn", "engine", "engineVersion"}: calls an instance or a snapshot one of another engine or
                                     version (below)
    POST   resources/status          {"arn", "status"}: gives a status that stays
    POST   resources/tags            {"arn", "tags": {}}: tags that no client can give

Every timing, quota and switch is also an option of the command (`--available-flaps false`, `--manual-snapshots 30`: give
it as emulator_arguments) and a field of its --config file ({"timing": {}, "quotas": {}, "switches": {}}).

An order {"action": "DescribeDBInstances" or "*", "effect": ...} may narrow what it hits by "account", and by parts of
ARNs: "principal", "resource". It hits the "nth" matching call (1) and so many "times" in a row (1). Effects:

    error        "code", "message", "httpStatus": refused. Such as InsufficientDBInstanceCapacity that passes after "times"
    dropBefore   the connection ends and nothing happens
    dropAfter    it happens, and the connection ends
    slow         "seconds": held first (the ones above may have it too)
    endStatus    "status": what the call works on ends in it, at once and for good ("backing-up": for ever)
    hideTags     no TagList in the answer; for ListTagsForResource an empty one
    stale        "age": a Describe answers as it would have done so many seconds ago
    late         "age": what was made, or shared with the caller, within so many seconds is not there for the call

The last three add up, also with one of the others.

    switch                  default       what it says
    availableFlaps          true          after a restore: available, flapStatus, available (timing: flapSeconds, 5 s times wait_scale)
    flapStatus              "modifying"
    snapshotDatabaseTime    false         whether snapshots have a SnapshotDatabaseTime
    backupWindow            "random"      the backup window where none is chosen, also after a restore; or one for tests
    sameValuesRefused       true          whether ModifyDBInstance refuses values that are so already, as it does no values
    incrementalRule         "newer"       a copy is incremental where the newest one of the same instance that came about under
                                          the same key at every level is there; "older": the guide of 2023, no copy of a copy
    automatedSnapshots      true          `rds:<instance>-<time>` of every new instance with BackupRetentionPeriod > 0
    defaultVpc              true          whether accounts have a default VPC; without one of EC2 there is none either way
    dualStack               false         whether groups of subnets support the network type DUAL (EC2 here has no IPv6)
    unknownNetworkRefused   false         whether subnets and security groups that EC2 does not know are refused; else they are
                                          taken for some of the default VPC, and for some of the VPC in question
    storageStatus           false         whether a restored instance is `storage-initialization` while its storage is filled

New instances with automated backups are `backing-up`, with an endpoint, for backingUpSeconds (0.3) first. A new master
password takes passwordSeconds, or as long as any modification (modifySeconds) where that is null. After a restore
StorageOperationStatus is there for storageSeconds (10 s times wait_scale). Stops, starts, reboots and renames take
modifySeconds, read replicas restoreSeconds; a replica does not follow its source.

Engines. What is created is the installed PostgreSQL; CreateDBInstance refuses every other engine and version. By
resources/engine an instance or a snapshot is called something else (mysql, mariadb, sqlserver-ee/-se/-ex/-web, oracle-ee,
oracle-ee-cdb, another version of postgres): its data stays that of PostgreSQL, and its copies and restores have the new
name and what RDS says about it: classes, storage, licenses, logs, families of groups, and what a restore of SQL Server
(MultiAZ, storage) and of Oracle with containers (Engine) does not take. The table of engines has a few versions of each;
most refusals have the words that RDS was seen to use, the others are plain.

Groups. A parameter or option group must be there, and of the family or major version of the instance. Of those of
PostgreSQL the parameters that are known (DescribeDBParameters) reach the server: all at its start and its reboot, dynamic
ones at once where the request says `immediate`; rds.logical_replication = 1 makes it a publisher. Libraries that are not
installed are left out. An option group belongs to the VPC of its first instance; options do nothing but stay.

Roles that a request names (MonitoringRoleArn, DomainIAMRoleName) need iam:PassRole and must trust the service.

What it cannot tell you about AWS: how long anything takes, quotas, other uses of iam:PassRole, the rights of who deploys a
stack (CloudFormation acts as the account's root), the rights of a machine's `aws-sdk:` tasks, history in every detail,
express machines, redrives.
"""

from local_cloud.supervisor import ACCOUNTS, DESTINATION_ACCOUNT, SOURCE_ACCOUNT, Cloud, LocalCloudError, launch

__all__ = ["ACCOUNTS", "DESTINATION_ACCOUNT", "SOURCE_ACCOUNT", "Cloud", "LocalCloudError", "launch"]
