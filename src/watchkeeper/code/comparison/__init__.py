"""Two versions of a file -> what was added, altered, deleted, renamed; and what the files of a change say together."""
