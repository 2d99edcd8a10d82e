"""The stages of cleaning, one file each. `belle_data.pipeline` has them in order."""
