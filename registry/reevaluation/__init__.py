"""Re-evaluation of stored verdicts: what a change reaches, which verdicts it changed, and who is told."""
