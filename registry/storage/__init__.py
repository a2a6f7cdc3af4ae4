"""Tables, transactions, the audit chain and the artifact store."""
