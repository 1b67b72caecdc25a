"""The referral form at the FHIR door: what a record suggests for it, and the referral that its answers make.

Sources: SDC 3.0.0 (http://hl7.org/fhir/uv/sdc), populate.html and extraction.html.
"""

from gateway.fhir.form.extracting import extract_referral
from gateway.fhir.form.populating import populate_form

__all__ = ["extract_referral", "populate_form"]
