//! The laws of layout, held by tests that read the source tree.
