//! mandate-storage
