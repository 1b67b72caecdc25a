"""`gateway contract run`: proves an EPR, a subscriber, a platform or a gateway, test by test. Suites are data."""
