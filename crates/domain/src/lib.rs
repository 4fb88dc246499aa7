//! mandate-domain
