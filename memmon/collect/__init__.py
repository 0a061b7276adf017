"""Collection: what hosts, pages, databases and memmon itself say of themselves, every few
seconds.
"""
