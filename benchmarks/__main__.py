"""`python -m benchmarks`: the lasting figures of docs/benchmarks.md, one table after the other."""

from __future__ import annotations

from benchmarks import cores, demo_scale, ingest, quick

for module in (quick, ingest, demo_scale, cores):
    print(f"\n## {module.__name__}", flush=True)
    module.main()
