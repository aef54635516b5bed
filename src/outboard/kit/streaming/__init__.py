"""Events that come by streams which the app opens, so that it needs no port: the same handlers take them."""
