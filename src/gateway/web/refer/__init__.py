"""The referral form: what somebody writes about a person, looks at once more, and sends."""

from gateway.web.refer.pages import add_refer_pages

__all__ = ["add_refer_pages"]
