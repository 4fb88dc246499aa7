//! mandate-console
