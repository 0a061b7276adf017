"""How fast and how small memmon is, as ratios against what operators would use instead, in one run
on one machine.
"""
