"""The cases of senders: receivers of ours, well-behaved and not, and what it does with them."""
