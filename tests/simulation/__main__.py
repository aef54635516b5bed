"""`python -m simulation`: see `--help`."""

import argparse, sys, time
from simulation.run import run
p=argparse.ArgumentParser(); p.add_argument("--seed",type=int); p.add_argument("--seeds",type=int,default=0); p.add_argument("--trace",action="store_true")
a=p.parse_args()
if a.seed is not None:
    o=run(a.seed,keeps_story=a.trace)
    if a.trace: print("\n".join(o.story))
    print(o.violations, dict(o.faults), o.events, o.steps, round(o.took,1), o.digest[:12])
else:
    t=time.process_time(); bad=0
    for s in range(a.seeds):
        o=run(s)
        if o.violations: bad+=1; print(s,o.violations[:3])
    print(bad, (time.process_time()-t)/a.seeds*1000,"ms a seed")
