"""Go's text/template as far as alerting uses it: read into a tree and walked over plain values,
with nothing behind it.
"""
