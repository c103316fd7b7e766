//! What the rules of an organisation ask, broken once for each rule.

use super::{Breakage, code, template};

/// The first lines of a role.
const COPY_ROLE: &str = "  CopyRole:\n    Type: AWS::IAM::Role\n    Properties:\n      Path: !Ref RolePath\n";

/// A breakage of each rule about roles and networks.
pub fn all() -> Vec<Breakage> {
    vec![
        template(
            "source",
            "      PermissionsBoundary: !If\n        - HasPermissionsBoundary\n        - !Ref PermissionsBoundary\n        - !Ref AWS::NoValue\n",
            "",
            "SnapshotRole has another boundary",
        ),
        template(
            "destination",
            COPY_ROLE,
            "  CopyRole:\n    Type: AWS::IAM::Role\n    Properties:\n",
            "CopyRole has another path",
        ),
        template(
            "destination",
            COPY_ROLE,
            "  CopyRole:\n    Type: AWS::IAM::Role\n    Properties:\n      Path: !Ref RolePath\n      RoleName: copy\n",
            "CopyRole has a name of its own",
        ),
        template(
            "source",
            "HasPermissionsBoundary: !Not [!Equals [!Ref PermissionsBoundary, '']]",
            "HasPermissionsBoundary: !Equals [!Ref PermissionsBoundary, '']",
            "HasPermissionsBoundary is",
        ),
        template(
            "source",
            "        - SubnetIds: !Split [',', !Ref LambdaSubnetIds]",
            "        - SubnetIds: [!Ref LambdaSubnetIds]",
            "SnapshotFunction runs elsewhere",
        ),
        template(
            "source",
            "        - - !Ref NetworkPolicy\n",
            "        - []\n",
            "the role of SnapshotFunction cannot join it to a VPC",
        ),
        template(
            "destination",
            "    Condition: HasLambdaSubnetIds\n",
            "",
            "there are the rights of a VPC without one",
        ),
        template(
            "destination",
            "LambdaSubnetsComeWithSecurityGroups:",
            "Subnets:",
            "subnets may be given without security groups",
        ),
        code(
            "docs/vpc.md",
            "| `launch` | destination | `states` |",
            "| `launch` | destination | `sns` |",
            "for Launch, which calls",
        ),
    ]
}
