"""Calls from app to app: whom a request is for, what is passed on of it, and the way there and back."""
