"""Moving over: what a code base does by hand, and what stands for it in the kit."""
