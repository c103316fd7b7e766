"""The local two-account cloud: ministack with patches, and the RDS emulator. See local-cloud/README.md."""

from local_cloud.supervisor import ACCOUNTS, DESTINATION_ACCOUNT, SOURCE_ACCOUNT, Cloud, LocalCloudError, launch

__all__ = ["ACCOUNTS", "DESTINATION_ACCOUNT", "SOURCE_ACCOUNT", "Cloud", "LocalCloudError", "launch"]
