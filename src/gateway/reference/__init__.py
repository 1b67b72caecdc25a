"""/docs: what the gateway can be asked, made from openapi/, with code to paste; and every rule and every refusal."""

from gateway.reference.pages import add_reference_pages

__all__ = ["add_reference_pages"]
