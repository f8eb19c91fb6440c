"""The feature store: its client, the rows that serving reads, fresh events on top of them."""
