"""The audit of a running cluster: each promise held against what is on the log, streamed, however long it is."""
