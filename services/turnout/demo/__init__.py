"""Sessions of coding agents that are made up from measured shapes, and the demo that plays them.

`shapes`, `sessions` and `prompts` are functions over data and import nothing of Turnout but each other, so
that the load test uses them in an environment of its own.
"""
