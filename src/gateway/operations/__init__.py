"""The operators' door, `/platform/v1/deliveries` and `/platform/v1/destinations`: what arrived, and what did not."""
