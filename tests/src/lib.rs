//! Tests live in the folders beside this one.
