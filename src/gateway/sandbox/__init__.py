"""The sandbox: a gateway of one's own for each engineer, with synthetic people and a clock that can be put forward."""
