"""The parts of ``spiritsafe demo``. They print what the services answer; nothing of it is known beforehand."""
