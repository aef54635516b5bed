"""Dead letters, collected into a table of the app's: looked at, published again, dropped."""
