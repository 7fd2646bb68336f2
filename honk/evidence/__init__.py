"""Signatures of evidence: keys, and envelopes as DSSE describes them."""
