//! What is done to a record between parsing and the disk queue: relabel, drop, sample, throttle, redact. Pure.
