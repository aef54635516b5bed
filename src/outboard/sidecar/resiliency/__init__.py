"""Retries, circuit breakers and timeouts as daprd's Resiliency policies define them.

Pure: values in, decisions out. `outboard.sidecar.guard` does what they decide.
"""
