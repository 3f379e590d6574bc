"""The tables of EVALUATION.md, measured again and compared with what the page says."""
