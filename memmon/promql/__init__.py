"""Prometheus' query language: guarded, parsed by promql-parser, evaluated here over any source of
series.
"""
