"""Vocabularies: tokens counted by any tokenizer, and sentencepiece models trained.

Importing this package loads no kernel and no tokenizer.
"""
