import os

# Before its library is loaded: pact would tell its makers who uses it.
os.environ["PACT_DO_NOT_TRACK"] = "true"
