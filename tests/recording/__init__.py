"""Holds the RDS emulator to what AWS has answered: compares two recordings of `scripts/trial`."""
