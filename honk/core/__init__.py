"""The vocabulary of honk: messages, requests, events, state, limits, errors and ports.

Pure data on pydantic and the standard library. Nothing here does I/O, and nothing
here imports another part of honk.
"""
