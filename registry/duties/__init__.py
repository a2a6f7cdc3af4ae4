"""From obligations to files and attestations: bundles, what people attest, and whether every duty is answered."""
