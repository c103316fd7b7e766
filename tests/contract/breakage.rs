//! Every rule notices when it is broken.

use crate::problems;
use crate::sources::{BUILD, README, Sources, machine_path, template_path};

/// What is broken: in which file, which text by which other, and what must be said about it.
struct Breakage {
    path: String,
    from: &'static str,
    to: &'static str,
    noticed: &'static str,
}

fn machine(account: &str, from: &'static str, to: &'static str, noticed: &'static str) -> Breakage {
    Breakage { path: machine_path(account), from, to, noticed }
}

fn template(account: &str, from: &'static str, to: &'static str, noticed: &'static str) -> Breakage {
    Breakage { path: template_path(account), from, to, noticed }
}

fn code(path: &str, from: &'static str, to: &'static str, noticed: &'static str) -> Breakage {
    Breakage { path: path.to_owned(), from, to, noticed }
}

/// A breakage of each rule about machines.
fn of_machines() -> Vec<Breakage> {
    vec![
        machine("source", "{", "", "source: "),
        machine(
            "source",
            r#""Type": "Wait""#,
            r#""Type": "Wait", "HeartbeatSeconds": 5"#,
            "unknown field `HeartbeatSeconds`",
        ),
        machine("source", r#""TimeoutSeconds": 90,"#, "", "missing field `TimeoutSeconds`"),
        machine(
            "source",
            r#""Default": "UnexpectedStatus""#,
            r#""Default": "Nowhere""#,
            "goes to Nowhere, which does not exist",
        ),
        machine(
            "source",
            r#""StartAt""#,
            r#""QueryLanguage": "JSONata", "StartAt""#,
            "unknown field `QueryLanguage`",
        ),
        machine(
            "source",
            "\"Comment\": \"Ends with",
            "\"Type\": \"Fail\", \"Comment\": \"Ends with",
            "duplicate field `Type`",
        ),
        machine(
            "source",
            "${ShareFunctionArn}",
            "prefix-${ShareFunctionArn}",
            "holds more than a placeholder",
        ),
        machine(
            "source",
            "\"state.$\": \"$\"",
            "\"state.$\": \"States.StringToJson($)\"",
            "logic belongs into a function",
        ),
        machine(
            "source",
            r#""StartAt": "CreateLatestSnapshot""#,
            r#""StartAt": "CopyEncryptedSnapshot""#,
            "CreateLatestSnapshot is never reached",
        ),
        machine(
            "source",
            r#""StartAt": "CreateLatestSnapshot""#,
            r#""StartAt": "Begin""#,
            "it starts at Begin, which does not exist",
        ),
        machine(
            "source",
            r#""Next": "ShareStatusWithTargetAccount""#,
            r#""Next": "NotifyToTargetAccount""#,
            "ShareStatusWithTargetAccount is never reached",
        ),
        machine(
            "source",
            r#""End": true"#,
            r#""End": false"#,
            "CleanOlderSnapshots needs either Next or End",
        ),
        machine("source", r#""States.Timeout","#, "", "is not retried after States.Timeout"),
        machine(
            "source",
            r#""Throttled","#,
            r#""Throttled", "DeadlineExceeded","#,
            "is retried after DeadlineExceeded, which only a person can mend",
        ),
        machine(
            "source",
            r#""Throttled","#,
            r#""Throttled", "Overload","#,
            "is retried after Overload, which nobody reports",
        ),
        machine("source", r#""Throttled","#, r#""Throttled", "States.ALL","#, "is retried after States.ALL"),
        machine("source", r#""MaxAttempts": 6"#, r#""MaxAttempts": 60"#, "is retried at the pace"),
        machine("source", r#""TimeoutSeconds": 90"#, r#""TimeoutSeconds": 30"#, "has the TimeoutSeconds 30"),
        machine(
            "source",
            r#""TimeoutSeconds": 432000"#,
            r#""TimeoutSeconds": 3600"#,
            "is not more than its stages may take",
        ),
        machine("source", r#""States.ALL""#, r#""States.Timeout""#, "does not catch every error"),
        machine(
            "source",
            r#""ResultPath": "$.failure","#,
            r#""ResultPath": "$.error","#,
            "catches into $.error",
        ),
        machine("source", r#""$.failure.Cause""#, r#""$.failure.Text""#, "does not fail with AlertNotSent"),
        machine(
            "source",
            r#""ErrorPath": "$.failure.Error""#,
            r#""ErrorPath": "$.failure.Name""#,
            "does not fail with the first error",
        ),
        machine("source", r#""Error": "UnexpectedStatus","#, "", "UnexpectedStatus does not report an error"),
        machine("source", r#""name.$": "$$.Execution.Name","#, "", "does not get the envelope"),
        machine(
            "source",
            "\"failure.$\": \"$.failure\"",
            "\"failure.$\": \"$.error\"",
            "NotifyFailure does not get the envelope",
        ),
        machine(
            "source",
            r#""$.SourceDBSnapshot""#,
            r#""$.sourceDBSnapshot""#,
            "the result of CreateLatestSnapshot lands in",
        ),
        machine(
            "source",
            r#""Variable": "$.SourceDBSnapshot.status""#,
            r#""Variable": "$.SourceDBSnapshot.Status""#,
            "CreateLatestSnapshot is followed by a choice on",
        ),
        machine(
            "source",
            r#""SecondsPath": "$.SourceDBSnapshot.waitSeconds""#,
            r#""SecondsPath": "$.targetDBSnapshot.waitSeconds""#,
            "CreateLatestSnapshot is not asked again",
        ),
        machine(
            "source",
            r#""Default": "UnexpectedStatus""#,
            r#""Default": "CopyEncryptedSnapshot""#,
            "an unknown status of CreateLatestSnapshot goes to",
        ),
        machine(
            "source",
            r#""Next": "IsSnapshotAvailable""#,
            r#""Next": "CopyEncryptedSnapshot""#,
            "IsSnapshotAvailable does not follow the task",
        ),
        machine(
            "source",
            "Must come before the message: whoever hears of a snapshot has to be able to see it.",
            "Shares",
            "ShareStatusWithTargetAccount does not say in a sentence",
        ),
        machine(
            "rollback",
            r#""TimeoutSeconds": 604800"#,
            r#""TimeoutSeconds": 300000"#,
            "rollback: its TimeoutSeconds 300000 is not more than its stages may take ([172800, 172800])",
        ),
        machine(
            "rollback",
            r#""Next": "RollbackDone""#,
            r#""Next": "RollbackFailed""#,
            "RollbackDone is never reached",
        ),
        machine(
            "destination",
            "RestoreDBInstance\": {",
            "RestoreInstance\": {",
            "there is no RestoreDBInstance",
        ),
        machine(
            "destination",
            r#""ResultPath": "$.DBInstance""#,
            r#""ResultPath": null"#,
            "the result of RestoreDBInstance lands in",
        ),
    ]
}

/// A breakage of each rule about templates.
fn of_templates() -> Vec<Breakage> {
    vec![
        template("source", "Resources:", "Resources: [", "templates are read strictly: source"),
        template("source", "Conditions:", "Mappings:", "its sections are"),
        template(
            "source",
            "ShareFunctionArn: !GetAtt ShareFunction.Arn",
            "ShareArn: !GetAtt ShareFunction.Arn",
            "the template gives",
        ),
        template(
            "source",
            "ShareFunctionArn: !GetAtt ShareFunction.Arn",
            "ShareFunctionArn: !GetAtt CopyFunction.Arn",
            "not the function of that name",
        ),
        template("source", "                  - !GetAtt ShareFunction.Arn\n", "", "their role may call"),
        template(
            "destination",
            "../statemachines/rollback.asl.json",
            "../statemachines/destination.asl.json",
            "rollback: its machine is",
        ),
        template(
            "destination",
            "            - !Ref RollbackStateMachine\n",
            "",
            "stateMachineArn of FailureRule is",
        ),
        template(
            "source",
            "../statemachines/source.asl.json",
            "../statemachines/destination.asl.json",
            "its machine is",
        ),
        template(
            "source",
            "Default: cron(0 * * * ? *)",
            "Default: rate(1 day)",
            "the original's ScheduleExpression has the default",
        ),
        template(
            "destination",
            "Default: rds-restored-db",
            "Default: copy",
            "the original's DatabaseName has the default",
        ),
        template(
            "source",
            "    ConstraintDescription: must be DISABLED or ENABLED\n",
            "",
            "ScheduleState is not explained",
        ),
        template(
            "source",
            "    AllowedPattern: '^[0-9]{12}$'\n",
            "",
            "DestinationAccountNumber takes anything",
        ),
        template(
            "source",
            "'^[0-9]{12}$'",
            "'[0-9]{12}'",
            "the pattern of DestinationAccountNumber may match a part",
        ),
        template("source", "          - ScheduleState\n", "", "ScheduleState is not in one parameter group"),
        template("source", "default: Is the schedule on", "default: ''", "ScheduleState has no label"),
        template(
            "source",
            "MAX_DELETIONS: !Ref MaxDeletionsPerRun",
            "MAX_DELETIONS: 3",
            "MaxDeletionsPerRun is not used",
        ),
        template("source", "  TopicArn:\n    Description", "  Topic:\n    Description", "its outputs are"),
        template(
            "destination",
            "    Description: The secret that names the current copy.\n",
            "",
            "the output SecretArn is not explained",
        ),
        template(
            "source",
            "../target/lambda/share.zip",
            "../target/lambda/copy.zip",
            "Code of ShareFunction is",
        ),
        template(
            "source",
            "Role: !GetAtt ShareRole.Arn",
            "Role: !GetAtt CopyRole.Arn",
            "Role of ShareFunction is",
        ),
        template(
            "source",
            "        LogGroup: !Ref ShareLogGroup",
            "        LogGroup: !Ref CopyLogGroup",
            "LoggingConfig of ShareFunction is",
        ),
        template(
            "source",
            "Resource: !GetAtt ShareLogGroup.Arn",
            "Resource: !GetAtt CopyLogGroup.Arn",
            "ShareFunction may not write into its log group",
        ),
        template("source", "RetentionInDays: !Ref LogRetentionDays", "RetentionInDays: 7", "is kept for 7"),
        template(
            "source",
            "DeletionPolicy: RetainExceptOnCreate",
            "DeletionPolicy: Delete",
            "SnapshotKey is lost with its stack",
        ),
        template(
            "destination",
            r#""db_host":"""#,
            r#""db_host":"none""#,
            "could write the secret's value again",
        ),
        template("source", "State: !Ref ScheduleState", "State: ENABLED", "/State of ScheduleRule is"),
        template("source", "Default: DISABLED", "Default: ENABLED", "the schedule is \"ENABLED\" by default"),
        template("source", "                - ABORTED\n", "", "of FailureRule is"),
        template("destination", "deadLetterTargetArn", "deadLetterTarget", "of Subscription is"),
        template("destination", "      - LaunchPermission\n", "", "before the subscription only"),
        template(
            "destination",
            "Principal: sns.amazonaws.com",
            "Principal: '*'",
            "/Principal of LaunchPermission is",
        ),
        template(
            "destination",
            "          SECRET_ARN: !GetAtt Secret.Id\n",
            "",
            "Restore reads SECRET_ARN, which the template does not give",
        ),
        template(
            "source",
            "          TOPIC_ARN: !Ref Topic\n",
            "          TOPIC_ARN: !Ref Topic\n          TOPIC: x\n",
            "Notify is given TOPIC, which it does not read",
        ),
        code(BUILD, " rotate-secret ", " ", "scripts/build does not build RotateSecretFunction"),
        code(README, "`SnapshotDeadlineSeconds`", "`Deadline`", "README.md does not mention"),
    ]
}

/// A breakage of each rule about permissions and portability.
fn of_permissions() -> Vec<Breakage> {
    let destination = "arn:${AWS::Partition}:iam::${DestinationAccountNumber}:root";
    vec![
        template(
            "source",
            "Resource: !GetAtt ShareLogGroup.Arn",
            "Resource: '*'",
            r#"["logs:CreateLogStream", "logs:PutLogEvents"] on *"#,
        ),
        template("source", "Action: rds:CreateDBSnapshot", "Action: rds:*", "allows rds:*"),
        template(
            "source",
            "aws:ResourceTag/rds-replication:stack",
            "aws:ResourceTag/stack",
            r#"["rds:ModifyDBSnapshotAttribute"] without our tag"#,
        ),
        template(
            "source",
            "aws:RequestTag/rds-replication:stack: !Ref AWS::StackName",
            "aws:RequestTag/rds-replication:stack: mine",
            "without our tag",
        ),
        template(
            "destination",
            "                    aws:TagKeys:\n                      - to-be-deleted\n",
            "                    aws:TagKeys:\n                      - owner\n",
            "may change tags that say whose a thing is",
        ),
        template(
            "destination",
            "                      - rds-replication:version\n",
            "                      - rds-replication:stack\n",
            "may change tags that say whose a thing is",
        ),
        template("destination", "snapshot:*-final-*", "snapshot:*", "without our tag"),
        template(
            "destination",
            "Action: secretsmanager:GetRandomPassword",
            "Action: secretsmanager:GetSecretValue",
            r#"["secretsmanager:GetSecretValue"] on *"#,
        ),
        template(
            "source",
            "                kms:ViaService: !Sub 'rds.${AWS::Region}.*'",
            "                kms:CallerAccount: !Ref AWS::AccountId",
            "outside RDS",
        ),
        template(
            "source",
            "kms:GrantIsForAWSResource: 'true'",
            "kms:GrantIsForAWSResource: 'false'",
            "allows grants to others",
        ),
        template(
            "source",
            "              - kms:CreateAlias",
            "              - kms:Decrypt",
            "allows kms:Decrypt to everybody in the account",
        ),
        template(
            "source",
            "            Action: sns:GetTopicAttributes",
            "            Action: sns:Publish",
            "allows the other account sns:Publish",
        ),
        template("source", "sns:Protocol: lambda", "sns:Protocol: email", "other subscribers than functions"),
        template("source", destination, "*", "names "),
        template(
            "source",
            "Effect: Allow\n            Principal:",
            "Effect: Deny\n            Principal:",
            "says more than what is allowed",
        ),
        template(
            "destination",
            "aws:SourceArn: !Ref SourceTopicArn",
            "aws:SourceAccount: !Ref AWS::AccountId",
            "on behalf of anybody",
        ),
        template(
            "source",
            "aws:SourceAccount: !Ref AWS::AccountId",
            "aws:SourceAccount: '*'",
            "is trusted to \"states.amazonaws.com\"",
        ),
        template(
            "source",
            "              Service: lambda.amazonaws.com",
            "              Service: ec2.amazonaws.com",
            "is trusted to \"ec2.amazonaws.com\"",
        ),
        template(
            "source",
            "                  - rds:DescribeDBSnapshotAttributes\n",
            "",
            "Share needs rds:DescribeDBSnapshotAttributes, which no role of it allows",
        ),
        template(
            "source",
            "                Action: sns:Publish",
            "                Action: [sns:Publish, sns:CreateTopic]",
            "the role of Notify allows sns:CreateTopic",
        ),
        template("source", "arn:${AWS::Partition}:rds", "arn:aws:rds", "names a partition: arn:aws"),
        template(
            "source",
            "${AWS::Region}:${AWS::AccountId}:db:*",
            "us-gov-west-1:${AWS::AccountId}:db:*",
            "names a Region: us-gov-west-1",
        ),
        template("source", "${AWS::AccountId}:db:*", "123456789012:db:*", "names an account: 123456789012"),
        template(
            "source",
            "Default: source-database-1",
            "Default: orders.eu-west-3.rds.amazonaws.com",
            "names an endpoint: orders.eu-west-3.rds.amazonaws.com",
        ),
        code(
            "crates/launch/src/lib.rs",
            "/// What the stack says.",
            "const URL: &str = \"http://localhost\";",
            "names an endpoint: http://",
        ),
        code(
            "crates/launch/src/lib.rs",
            "/// What the stack says.",
            "const REGION: &str = \"ap-southeast-2\";",
            "names a Region: ap-southeast-2",
        ),
        code(
            "docs/semantics.md",
            "Pruning twice is pruning once.",
            "Pruning is free.",
            "no test pruning_twice_is_pruning_once quotes \"Pruning is free.\"",
        ),
    ]
}

fn unnoticed(breakages: Vec<Breakage>) -> Vec<String> {
    let sources = Sources::of_repository();
    let is_unnoticed = |breakage: Breakage| {
        let Breakage { path, from, to, noticed } = breakage;
        let problems = problems(&sources.broken(&path, from, to));
        let found = problems.iter().any(|problem| problem.contains(noticed));
        (!found).then(|| {
            format!("{path}: {to:?} instead of {from:?} should say {noticed:?}; it said {problems:?}")
        })
    };
    breakages.into_iter().filter_map(is_unnoticed).collect()
}

#[test]
fn a_broken_machine_is_noticed() {
    let unnoticed = unnoticed(of_machines());
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn a_broken_template_is_noticed() {
    let unnoticed = unnoticed(of_templates());
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn a_broken_permission_is_noticed() {
    let unnoticed = unnoticed(of_permissions());
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}
