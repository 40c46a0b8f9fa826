"""`python -m benchmarks`: print the tables of docs/benchmarks.md that are kept up to date."""

from __future__ import annotations

from benchmarks import ablation, cores, demo_scale, features, ingest, quick

for module in (quick, ingest, features, ablation, demo_scale, cores):
    print(f"\n## {module.__name__}", flush=True)
    module.main()
