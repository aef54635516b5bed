"""Retries and timeouts as daprd's Resiliency policies define them. Pure: values in, delays out."""
