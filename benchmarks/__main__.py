"""`python -m benchmarks`: the lasting figures of docs/benchmarks.md, one table after the other."""

from __future__ import annotations

from benchmarks import ablation, cores, demo_scale, features, ingest, quick

for module in (quick, ingest, features, ablation, demo_scale, cores):
    print(f"\n## {module.__name__}", flush=True)
    module.main()
