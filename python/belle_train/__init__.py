"""Training and judging of Chinese instruction models on what belle_data cleaned.

The parts that need torch will live here and may import belle_data; belle_data never imports this package.
"""
