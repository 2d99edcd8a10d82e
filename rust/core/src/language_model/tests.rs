//! The model beside a slow and obvious one.
