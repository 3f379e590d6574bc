"""A simulated provider: Anthropic Messages and OpenAI Chat without keys or money.

It is the honest counterpart of the dispatcher: it shares no code with `turnout.dialects`, checks
requests as the providers do, and keeps a prompt cache with real lifetimes and real usage figures.
It runs as its own process: `python -m turnout.simulator --port 9090`.
"""
