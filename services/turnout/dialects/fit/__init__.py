"""Fitting a neutral conversation to a target, and the target's answer back to its client.

Between `decode_request` and `encode_request`: whatever the target cannot take by name, form or
number is said in what it can, told as a change, and undone in the answer. Pure; knows quirks and
no dialect's wire.
"""

from turnout.dialects.fit.answer import AnswerFitter
from turnout.dialects.fit.fitting import Fitted, fit

__all__ = ["AnswerFitter", "Fitted", "fit"]
