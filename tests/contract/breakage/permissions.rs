//! Permissions and portability, broken once for each rule about them.

use super::{Breakage, code, template};

/// A breakage of each rule about permissions and portability.
pub fn all() -> Vec<Breakage> {
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
            "                      kms:EncryptionContext:SecretARN: !If\n",
            "                      kms:EncryptionContext:Secret: !If\n",
            "allows kms:Decrypt outside RDS and for more than the secret",
        ),
        template(
            "destination",
            "                  - kms:GenerateDataKey\n",
            "",
            "with the secret and [String(\"kms:Decrypt\")] with its key",
        ),
        template(
            "destination",
            "secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Name}",
            "secretsmanager:${AWS::Region}:*:secret:${Name}",
            "may use the secret",
        ),
        template(
            "destination",
            "                      - to-be-deleted\n",
            "                      - rds-replication:resource-id\n",
            "may change tags that say whose a thing is",
        ),
        template(
            "destination",
            "            Action: states:ListExecutions",
            "            Action: states:*",
            "PruneExecutionsPolicy.Statement.0 allows states:*",
        ),
        template(
            "source",
            "              Service: events.amazonaws.com\n            Action: sns:Publish\n",
            "              Service: events.amazonaws.com\n            Action: sns:Publish\n            Condition:\n              ArnEquals:\n                aws:SourceArn: !GetAtt UntoldFailureRule.Arn\n",
            "in under a condition, which it never satisfies",
        ),
        template(
            "source",
            "kms:CallerAccount: !Ref AWS::AccountId",
            "kms:CallerAccount: !Ref DestinationAccountNumber",
            "allows kms:Decrypt to everybody in the account",
        ),
        template(
            "destination",
            "Action: secretsmanager:GetRandomPassword",
            "Action: secretsmanager:GetSecretValue",
            r#"["secretsmanager:GetSecretValue"] on *"#,
        ),
        template(
            "source",
            "                kms:ViaService: !If\n                  - SourceCopies\n                  - - !Sub 'rds.${AWS::Region}.*'\n                    - !Sub 'rds.${DestinationRegion}.*'\n                  - !Sub 'rds.${AWS::Region}.*'",
            "                kms:CallerAccount: !Ref AWS::AccountId",
            "outside RDS and for more than the secret",
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
