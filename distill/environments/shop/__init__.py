"""A shop with payments: catalogue, cart, orders, payments, gift cards, returns and shipments, from a seed."""
