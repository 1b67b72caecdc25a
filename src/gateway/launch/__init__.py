"""From the EPR into the pages: SMART EHR launch, signed launch, and the session that comes of either."""
