"""A small real memory service with faults that can be switched on, so that there is something live
to look at.
"""
