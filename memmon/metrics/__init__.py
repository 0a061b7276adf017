"""Samples: taken in, kept hot in Redis for an hour, rolled up in SQL for long, asked for in
PromQL.
"""
