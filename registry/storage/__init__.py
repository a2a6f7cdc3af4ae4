"""Tables and their look-up by resource name, transactions, the audit chain and the artifact store."""
