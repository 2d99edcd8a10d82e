"""Pages for people: what a run did and what data is like, each one file that fetches nothing and runs no script."""
