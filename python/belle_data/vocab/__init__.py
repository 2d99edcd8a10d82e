"""Vocabularies: pieces of sentencepiece models trained, merged, written for every runtime, and checked; tokens counted.

`training.train` trains a model, `merging.merge` joins two, `merged_folder.write_merged` writes what comes of it,
`certificate.check` proves what the folder promises, `token_counts.tokens` counts by any tokenizer. Importing this
package loads no optional package.
"""
