"""What a clinician sees of a person's referrals: plain words and figures, made of what is stored. Pure."""

from mappings.view.freshness import Copy, copies_of
from mappings.view.note import progress_note
from mappings.view.person import PersonView, person_of
from mappings.view.referral import ReferralView, view_of, withheld

__all__ = ["Copy", "PersonView", "ReferralView", "copies_of", "person_of", "progress_note", "view_of", "withheld"]
