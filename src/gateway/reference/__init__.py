"""/docs: what the gateway can be asked, made from openapi/, with code that can be pasted; and every rule and refusal."""

from gateway.reference.pages import add_reference_pages

__all__ = ["add_reference_pages"]
