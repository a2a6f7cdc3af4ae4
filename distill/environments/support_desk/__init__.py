"""A support desk: customers, orders, refunds and tickets, built from a seed."""
