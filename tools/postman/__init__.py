"""openapi/postman.json: the requests of the contract's story as a Postman collection (format 2.1), from openapi/."""

from tools.postman.collection import collection

__all__ = ["collection"]
