"""The aws command of target/tools: the AWS CLI, version 1, without one habit of it.

Version 1 sends `aws sqs` in most Regions, and `aws rds` in us-east-1, to an old name of the service in AWS, even if
AWS_ENDPOINT_URL or a profile names another endpoint. With that table empty it goes where it is told, like version 2.
"""

import sys

from awscli.clidriver import main
from awscli.customizations import overridesslcommonname

if __name__ == "__main__":
    overridesslcommonname.SSL_COMMON_NAMES.clear()
    sys.exit(main())
