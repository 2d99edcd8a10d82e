"""Vocabularies: pieces of sentencepiece models, merged, written for every runtime, and checked.

`merging.merge` joins two models, `merged_folder.write_merged` writes what comes of it, `certificate.check` proves what
the folder promises. Importing this package loads no optional package.
"""
