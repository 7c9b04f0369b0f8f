"""What devices get and send, so that they can work offline and lose nothing."""
