"""Retries, circuit breakers and timeouts as daprd's Resiliency policies define them.

Pure decisions, values in and decisions out; `guard` alone does what they decide.
"""
