"""Training of Chinese instruction models on what belle_data cleaned.

What needs torch lives here and may import belle_data; belle_data never imports this package. ``python -m belle_train``
has the commands; each part is a module that can be used without them:

    extension       the rows of a merged vocabulary, in a model's embeddings
    conversations   rows of shards as ids, with what is learned of them
    packing         conversations put together to sequences of one length
    frozen_rows     embeddings of which only the new rows learn, and proof of what did not move
    training        fine-tuning and pretraining, on one process or many
    generation      answers to prompts
"""
