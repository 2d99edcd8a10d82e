"""A model judges answers: prompts, replies, scores, comparisons and the page that shows them."""
