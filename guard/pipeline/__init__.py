"""The durable way of a request, from prompt to release."""
