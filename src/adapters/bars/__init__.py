"""Receivers that read BaRS: each change of a referral as a servicerequest-response message. Contract: README.md."""
