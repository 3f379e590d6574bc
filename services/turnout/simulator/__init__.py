"""A simulated provider without keys or money.

It speaks Anthropic Messages, OpenAI Chat, OpenAI Responses and Gemini. It is the honest counterpart
of the dispatcher: it shares no code with `turnout.dialects`, checks requests as the providers do,
and keeps a prompt cache with real lifetimes and real usage figures.
It runs as its own process: `python -m turnout.simulator --port 9090`.
"""
