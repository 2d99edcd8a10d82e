"""N-gram language models: trained on files, saved to one file, asked for the probability of texts.

`train` makes a model of files, `open_model` maps a saved one, `import_arpa` reads that of another tool. A `Model`
scores texts, cut into tokens as the model wants it. Importing this package loads no kernel.
"""

from belle_data.language_model.model import Model, Scores, open_model
from belle_data.language_model.training import MEMORY, ORDER, import_arpa, train

__all__ = ["MEMORY", "ORDER", "Model", "Scores", "import_arpa", "open_model", "train"]
