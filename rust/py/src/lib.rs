//! Python bindings of the kernels.
