"""What an operator sees of a replication: starting it, following it, proving that the rows arrived."""
