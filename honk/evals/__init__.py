"""Suites that measure honk's own judgement on labelled cases: ``honk eval SUITE``."""
