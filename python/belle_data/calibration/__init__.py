"""Which threshold `semantic_dedup` should have on the user's own data, measured.

Importing this package loads neither numpy nor a model.
"""

from belle_data.calibration.result import Calibration
from belle_data.calibration.run import calibrate

__all__ = ["Calibration", "calibrate"]
