//! The templates, broken once for each rule about them.

use super::{Breakage, code, template};
use crate::sources::{BUILD, README};

/// A breakage of each rule about templates.
pub fn all() -> Vec<Breakage> {
    vec![
        template(
            "source",
            "STAGE_DEADLINE_SECONDS: !Ref SnapshotDeadlineSeconds",
            "STAGE_DEADLINE_SECONDS: !Ref CopyDeadlineSeconds",
            "the deadline of CreateLatestSnapshot is \"CopyDeadlineSeconds\"",
        ),
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
            "            - !Ref StateMachine\n            - !Ref RollbackStateMachine\n",
            "            - !Ref StateMachine\n",
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
        template(
            "destination",
            r#""rollback": "${RollbackStateMachine}""#,
            r#""rollback": "${StateMachine}""#,
            "InputTemplate of FailureRule is",
        ),
        template("destination", "Expression: FILL(m1, 0)", "Expression: m1", "of StaleCopyAlarm is"),
        template(
            "destination",
            "RollbackStateMachineArn: !Ref RollbackStateMachine",
            "RollbackStateMachineArn: !Ref Subscription",
            "RollbackStateMachineArn is",
        ),
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
            "          SECRET_ARN: !GetAtt Secret.Id\n          NO_OF_OLDER_INSTANCES",
            "          NO_OF_OLDER_INSTANCES",
            "RotateSecret reads SECRET_ARN, which the template does not give",
        ),
        template(
            "destination",
            "Default: automatic\n",
            "Default: auto\n",
            "RotateSecret cannot read its environment: reading the environment variable PROMOTE",
        ),
        template(
            "destination",
            "      - manual\n",
            "      - by-hand\n",
            "RotateSecret cannot read \"by-hand\" of Promote: reading the environment variable PROMOTE",
        ),
        template(
            "source",
            "          TOPIC_ARN: !Ref Topic\n",
            "",
            "Notify reads TOPIC_ARN, which the template does not give",
        ),
        template(
            "source",
            "          TOPIC_ARN: !Ref Topic\n",
            "          TOPIC_ARN: !Ref Topic\n          TOPIC: x\n",
            "Notify is given TOPIC, which it does not read",
        ),
        template(
            "source",
            "Default: 12\n",
            "Default: 13\n",
            "it does not hold: SharedSnapshotHours: Number Default 13",
        ),
        template(
            "destination",
            "  DeadLetterAlarm:\n",
            "  LostAlarm:\n",
            "holds what is not so: DeadLetterAlarm: AWS::CloudWatch::Alarm",
        ),
        code(BUILD, " rotate-secret ", " ", "scripts/build does not build RotateSecretFunction"),
        code(README, "`SnapshotDeadlineSeconds`", "`Deadline`", "README.md does not mention"),
    ]
}
