//! Values of parameters, for both databases.
//!
//! Times are milliseconds, names and sealed texts are text, ids are `uuid` or a blob of 16 bytes. A list is an array, or a text of
//! JSON for `json_each`.

use bytes::BytesMut;
use jiff::Timestamp;
use mandate_schema::{
    AuthorizerId, CallbackId, CodeDigest, CommandId, ComponentId, EventId, Position, SealedText, StreamName,
    TaskId, Version,
};
use postgres_protocol::types as wire;
use rusqlite::types::{ToSqlOutput, Value as Stored, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::convert::{limit, millis, signed};

/// A value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Id(Uuid),
    Texts(Vec<String>),
    Numbers(Vec<i64>),
    Ids(Vec<Uuid>),
}

/// Values of parameters in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { Vec::<$crate::driver::Value>::from([$($crate::driver::Value::from($value)),*]) };
}

pub(crate) use values;

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = |texts: serde_json::Value| ToSqlOutput::Owned(Stored::Text(texts.to_string()));
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Number(number) => ToSqlOutput::Owned(Stored::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Id(id) => ToSqlOutput::Borrowed(ValueRef::Blob(id.as_bytes())),
            Self::Texts(texts) => json(texts.as_slice().into()),
            Self::Numbers(numbers) => json(numbers.as_slice().into()),
            Self::Ids(ids) => json(ids.iter().map(|id| id.simple().to_string()).collect()),
        })
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Number(number) if *ty == Type::INT4 => {
                wire::int4_to_sql(i32::try_from(*number).unwrap_or(i32::MAX), out);
            }
            Self::Number(number) => return number.to_sql_checked(ty, out),
            Self::Text(text) => return text.to_sql_checked(ty, out),
            Self::Bytes(bytes) => return bytes.to_sql_checked(ty, out),
            Self::Id(id) => return id.to_sql_checked(ty, out),
            Self::Texts(texts) => return texts.to_sql_checked(ty, out),
            Self::Numbers(numbers) => return numbers.to_sql_checked(ty, out),
            Self::Ids(ids) => return ids.to_sql_checked(ty, out),
        }
        Ok(IsNull::No)
    }

    /// Each value says by itself which types it accepts.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

macro_rules! from {
    ($($kind:ty: |$value:ident| $made:expr;)*) => {
        $(impl From<$kind> for Value {
            fn from($value: $kind) -> Self {
                $made
            }
        })*
    };
}

from! {
    i64: |number| Self::Number(number);
    u32: |number| Self::Number(number.into());
    u64: |number| Self::Number(signed(number));
    usize: |number| Self::Number(limit(number));
    Position: |position| signed(position.0).into();
    Version: |version| signed(version.0).into();
    Timestamp: |time| millis(time).into();
    String: |text| Self::Text(text);
    &str: |text| Self::Text(text.to_owned());
    &StreamName: |stream| Self::Text(stream.to_string());
    &ComponentId: |component| component.as_str().into();
    &AuthorizerId: |authorizer| authorizer.as_str().into();
    &SealedText: |sealed| Self::Text(sealed.to_string());
    CodeDigest: |digest| Self::Text(digest.to_string());
    Vec<u8>: |bytes| Self::Bytes(bytes);
    Uuid: |id| Self::Id(id);
    CommandId: |id| Self::Id(id.0);
    CallbackId: |id| Self::Id(id.0);
    EventId: |id| Self::Id(id.0);
    TaskId: |id| Self::Id(id.0);
    Vec<String>: |texts| Self::Texts(texts);
    Vec<i64>: |numbers| Self::Numbers(numbers);
    Vec<Uuid>: |ids| Self::Ids(ids);
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
