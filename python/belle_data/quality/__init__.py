"""What the stage `quality` judges rows by: language models, strata, the tokens that were strangest."""
