"""belle_data: from raw instruction samples to a clean set, with the reason for every removed row."""
