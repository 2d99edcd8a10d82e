"""Engines run the stages of the pipeline over a corpus. `local` is one machine."""
