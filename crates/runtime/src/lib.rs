//! mandate-runtime
