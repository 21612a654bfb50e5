"""What finds faults in a whole codebase, how they are told apart, and what many projects find alike."""
