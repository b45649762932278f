"""A model of power cuts: from a record of what a process did to its files, the disk after a cut.

`recorder.c` writes the record, `record.py` reads it, `disk.py` is the model, `workload.py` is what
is recorded, `verdict.py` says what must hold on every disk. `docs/durability.md` has the rest.
"""
