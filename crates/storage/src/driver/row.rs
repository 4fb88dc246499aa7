//! Rows of both databases, read by the names of their columns.

use std::cell::Cell;

use jiff::Timestamp;
use mandate_schema::{CommandId, EventId, Position, TaskId, Version};
use postgres_protocol::types as wire;
use rusqlite::types::ValueRef;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use crate::{
    StorageError,
    convert::{self, unsigned},
};

type Result<T> = std::result::Result<T, StorageError>;

/// A row while it is read.
pub(crate) struct Row<'a> {
    from: From<'a>,
    /// The column after the one that was read last: most rows are read in the order of their columns, so that a name is found at once.
    next: Cell<usize>,
}

enum From<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl<'a> Row<'a> {
    pub(crate) fn of_sqlite(row: &'a rusqlite::Row<'a>) -> Self {
        Self { from: From::Sqlite(row), next: Cell::new(0) }
    }

    pub(crate) fn of_postgres(row: &'a tokio_postgres::Row) -> Self {
        Self { from: From::Postgres(row), next: Cell::new(0) }
    }

    /// The value of a column.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: it is of another kind, or out of range.
    pub(crate) fn get<T: FromField<'a>>(&self, column: &str) -> Result<T> {
        let field = self.field(self.index(column)?)?;
        T::from_field(field).map_err(|error| match error {
            StorageError::Unreadable(reason) => {
                StorageError::unreadable(format!("column {column}: {reason}"))
            }
            other => other,
        })
    }

    /// The parsed text of a column.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: it is no text, or not what it should be.
    pub(crate) fn parse<T>(&self, column: &str) -> Result<T>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        convert::parse(self.get(column)?)
    }

    /// As [`Row::parse`], of a column that may be null.
    pub(crate) fn parse_if_any<T>(&self, column: &str) -> Result<Option<T>>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.get::<Option<&str>>(column)?.map(convert::parse).transpose()
    }

    /// What the JSON text of a column holds.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: it is no such text.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T> {
        convert::from_json(self.get(column)?)
    }

    fn index(&self, column: &str) -> Result<usize> {
        let (next, count) = (self.next.get(), self.count());
        let found = (next..count).chain(0..next.min(count)).find(|index| self.name(*index) == Some(column));
        let index = found.ok_or_else(|| StorageError::unreadable(format!("no column is called {column}")))?;
        self.next.set(index + 1);
        Ok(index)
    }

    fn count(&self) -> usize {
        match &self.from {
            From::Sqlite(row) => row.as_ref().column_count(),
            From::Postgres(row) => row.len(),
        }
    }

    fn name(&self, index: usize) -> Option<&str> {
        match &self.from {
            From::Sqlite(row) => row.as_ref().column_name(index).ok(),
            From::Postgres(row) => row.columns().get(index).map(tokio_postgres::Column::name),
        }
    }

    fn field(&self, index: usize) -> Result<Field<'a>> {
        match &self.from {
            From::Sqlite(row) => Ok(match row.get_ref(index)? {
                ValueRef::Null => Field::Null,
                ValueRef::Integer(number) => Field::Number(number),
                ValueRef::Text(text) => Field::Text(str::from_utf8(text).map_err(StorageError::unreadable)?),
                ValueRef::Blob(bytes) => Field::Bytes(bytes),
                ValueRef::Real(_) => {
                    return Err(StorageError::unreadable("a fraction, which we never store"));
                }
            }),
            From::Postgres(row) => row.try_get(index).map_err(StorageError::unreadable),
        }
    }
}

/// A value of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'a> {
    Null,
    Number(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Id(Uuid),
}

impl<'a> FromSql<'a> for Field<'a> {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Self::Number(wire::int8_from_sql(raw)?),
            Type::INT4 => Self::Number(wire::int4_from_sql(raw)?.into()),
            Type::BOOL => Self::Number(wire::bool_from_sql(raw)?.into()),
            Type::BYTEA => Self::Bytes(raw),
            Type::UUID => Self::Id(Uuid::from_bytes(wire::uuid_from_sql(raw)?)),
            _ => Self::Text(wire::text_from_sql(raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8
                | Type::INT4
                | Type::BOOL
                | Type::BYTEA
                | Type::UUID
                | Type::TEXT
                | Type::VARCHAR
                | Type::NAME
        )
    }
}

/// What a value of a row is read as.
pub(crate) trait FromField<'a>: Sized {
    /// # Errors
    ///
    /// [`StorageError::Unreadable`]: it is of another kind, or out of range.
    fn from_field(field: Field<'a>) -> Result<Self>;
}

fn other_kind<T>(field: Field<'_>) -> Result<T> {
    Err(StorageError::unreadable(match field {
        Field::Null => "it is null",
        Field::Number(_) => "it holds a number",
        Field::Text(_) => "it holds a text",
        Field::Bytes(_) | Field::Id(_) => "it holds bytes",
    }))
}

macro_rules! from_field {
    ($($kind:ty: $($field:pat => $value:expr),+;)*) => {
        $(impl<'a> FromField<'a> for $kind {
            fn from_field(field: Field<'a>) -> Result<Self> {
                match field {
                    $($field => $value,)+
                    other => other_kind(other),
                }
            }
        })*
    };
}

from_field! {
    i64: Field::Number(number) => Ok(number);
    bool: Field::Number(number) => Ok(number != 0);
    &'a str: Field::Text(text) => Ok(text);
    String: Field::Text(text) => Ok(text.to_owned());
    Vec<u8>: Field::Bytes(bytes) => Ok(bytes.to_vec());
    [u8; 32]: Field::Bytes(bytes) => bytes.try_into().map_err(StorageError::unreadable);
    Uuid: Field::Id(id) => Ok(id), Field::Bytes(bytes) => Uuid::from_slice(bytes).map_err(StorageError::unreadable);
}

macro_rules! from_other {
    ($($kind:ty: |$inner:ident: $from:ty| $value:expr;)*) => {
        $(impl<'a> FromField<'a> for $kind {
            fn from_field(field: Field<'a>) -> Result<Self> {
                let $inner = <$from>::from_field(field)?;
                $value
            }
        })*
    };
}

from_other! {
    u64: |number: i64| unsigned(number);
    u32: |number: i64| Self::try_from(number).map_err(StorageError::unreadable);
    u16: |number: i64| Self::try_from(number).map_err(StorageError::unreadable);
    Position: |number: u64| Ok(Self(number));
    Version: |number: u64| Ok(Self(number));
    Timestamp: |millis: i64| convert::time(millis);
    CommandId: |id: Uuid| Ok(Self(id));
    EventId: |id: Uuid| Ok(Self(id));
    TaskId: |id: Uuid| Ok(Self(id));
}

impl<'a, T: FromField<'a>> FromField<'a> for Option<T> {
    fn from_field(field: Field<'a>) -> Result<Self> {
        match field {
            Field::Null => Ok(None),
            field => T::from_field(field).map(Some),
        }
    }
}
