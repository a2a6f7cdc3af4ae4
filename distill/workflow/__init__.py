"""Execution of runs: one durable workflow per run, one process per stage."""
