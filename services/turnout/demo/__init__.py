"""Sessions of coding agents that are made up from measured shapes, and the demo that plays them.

`shapes` and `sessions` and `bodies` are functions over data and import nothing of Turnout, so that the load test uses them
in an environment of its own.
"""
