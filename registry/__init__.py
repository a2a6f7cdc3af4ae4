"""The registry: licensing core, lineage, artifacts, promotion and audit behind gRPC."""
