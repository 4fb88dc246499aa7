//! mandate-worker
