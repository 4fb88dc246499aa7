//! A database server.

mod only;

suite!(crate::conformance::postgres::PostgresDatabase);
