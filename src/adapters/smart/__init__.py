"""An EPR that launches us (SMART App Launch 2.2): its configuration, its tokens, its FHIR server."""
