//! mandate-schema
