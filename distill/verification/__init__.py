"""Verification of model output by format, execution and final state, after APIGen."""
