"""What the commands that change something want to know of both accounts; what `scripts/status` reports is made in Rust."""
