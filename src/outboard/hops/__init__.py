"""The record of each hop of an event on its way from publisher to handler."""
