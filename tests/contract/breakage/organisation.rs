//! What the rules of an organisation ask, broken once for each rule.

use super::{Breakage, code, template};

/// A breakage of each rule about roles and networks.
pub fn all() -> Vec<Breakage> {
    vec![
        template(
            "source",
            "      PermissionsBoundary: !If\n        - HasPermissionsBoundary\n        - !Ref PermissionsBoundary\n        - !Ref AWS::NoValue\n",
            "",
            "SnapshotRole has another boundary",
        ),
        template("destination", "      Path: !Ref RolePath\n", "", "CopyRole has another path"),
        template(
            "destination",
            "      Path: !Ref RolePath\n",
            "      Path: !Ref RolePath\n      RoleName: copy\n",
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
        template("source", "        - !Ref ShareRole\n", "", "ShareFunction may be made before"),
        template("destination", "    DependsOn: NetworkPolicy\n", "", "CopyFunction may be made before"),
        template(
            "destination",
            "    Condition: HasLambdaSubnetIds\n",
            "",
            "CopyFunction has the rights of a VPC outside one",
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
