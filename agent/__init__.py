"""The classroom's own computer: gathers answers, keeps them, shows them, publishes them."""
