"""What is live, what is kept, what the last runs did: from what AWS reports to what the operator reads."""
