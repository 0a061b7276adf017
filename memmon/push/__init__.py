"""Push: what jobs, Prometheus servers and OpenTelemetry SDKs send by themselves, instead of waiting
to be scraped.
"""
