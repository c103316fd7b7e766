"""What is live, what is kept, what the last runs did: from what AWS says to what a person reads."""
