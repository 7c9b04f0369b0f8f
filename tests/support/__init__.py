"""What the suite needs around the code under test: servers, databases, a closed network."""
