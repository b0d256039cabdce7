"""Many reports together: what one of them alone cannot say.

`positions` compares scans of one patient in several positions.
"""
