"""What the tests of several commands have in common: the accounts."""

A, B = "111111111111", "222222222222"
