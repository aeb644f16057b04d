"""Sources as they are: which field of an event lies where in a source's own record, compiled once."""
