"""What devices have and have sent. Every query is within one account."""
