"""What resources are found by (R4 search.html): the parameters of each type, their values, the keys stored of them."""

from gateway.search.keys import keys, token_key

__all__ = ["keys", "token_key"]
