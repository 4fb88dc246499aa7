//! What a batch of decisions is made on: one statement for each kind of fact, sent at once.

use std::collections::HashMap;

use mandate_schema::{CodeDigest, Position, StoredEvent, StreamName, WrappedKey, sql::postgres as sql};
use tokio_postgres::Row;

use super::{
    PostgresStorage,
    connection::Connection,
    consents::visit,
    convert::{get, small},
    queue::done,
    rows,
};
use crate::{
    ConsentVisit, Gather, Gathered, Loaded, StorageError, TaskDone, Wanted,
    convert::{parse, signed},
    gather::EVENTS_MAX,
};

type Result<T> = std::result::Result<T, StorageError>;

impl Gather for PostgresStorage {
    async fn gather(&self, wanted: Wanted) -> Result<Gathered> {
        let connection = &self.connection().await?;
        // Five statements at once are much to keep in every future above.
        let all = Box::pin(async {
            tokio::try_join!(
                load(connection, &wanted.streams),
                events(connection, &wanted.since),
                tasks(connection, &wanted.tasks),
                visits(connection, sql::consent_visit_by_pre_auth, &wanted.pre_auth_codes, |visit| {
                    Some(visit.pre_auth)
                }),
                visits(connection, sql::consent_visit_by_code, &wanted.codes, |visit| visit.code),
            )
        });
        let (streams, since, tasks, by_pre_auth_code, by_code) = all.await?;
        Ok(Gathered { streams, since, tasks, by_pre_auth_code, by_code })
    }
}

async fn load(connection: &Connection, streams: &[StreamName]) -> Result<HashMap<StreamName, Loaded>> {
    if streams.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<String> = streams.iter().map(StreamName::to_string).collect();
    let rows = connection.all(sql::state_load, &[&names]).await?;
    rows.iter().map(loaded).collect()
}

fn loaded(row: &Row) -> Result<(StreamName, Loaded)> {
    let stream: StreamName = parse(&get::<String>(row, "wanted")?)?;
    let state = get::<Option<String>>(row, "stream")?.map(|_| rows::state(row)).transpose()?;
    let wrapped = get::<Option<String>>(row, "master")?.zip(get(row, "wrapped")?);
    let number: Option<i32> = get(row, "key_number")?;
    let key = number.zip(wrapped).map(|(number, (master, bytes))| {
        Ok::<_, StorageError>(WrappedKey { stream: stream.clone(), number: small(number)?, master, bytes })
    });
    let loaded = Loaded {
        state,
        last_key: small(get(row, "last_key")?)?,
        last_key_destroyed: get(row, "last_key_destroyed")?,
        key: key.transpose()?,
    };
    Ok((stream, loaded))
}

async fn events(
    connection: &Connection,
    since: &[(StreamName, Position)],
) -> Result<HashMap<(StreamName, Position), Vec<StoredEvent>>> {
    if since.is_empty() {
        return Ok(HashMap::new());
    }
    let mut found: HashMap<_, Vec<_>> = since.iter().cloned().map(|asked| (asked, Vec::new())).collect();
    let (names, after): (Vec<String>, Vec<i64>) =
        since.iter().map(|(stream, after)| (stream.to_string(), signed(after.0))).unzip();
    let most = signed(EVENTS_MAX as u64);
    for row in connection.all(sql::event_read_since, &[&names, &after, &most]).await? {
        let (event, after) = (rows::event(&row)?, crate::convert::position(get(&row, "after")?)?);
        found.entry((event.stream.clone(), after)).or_default().push(event);
    }
    Ok(found)
}

async fn tasks(connection: &Connection, keys: &[String]) -> Result<HashMap<String, TaskDone>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = connection.all(sql::task_by_key, &[&keys]).await?;
    rows.iter().map(|row| Ok((get(row, "key")?, done(row)?))).collect()
}

async fn visits(
    connection: &Connection,
    sql: &str,
    digests: &[CodeDigest],
    by: impl Fn(&ConsentVisit) -> Option<CodeDigest>,
) -> Result<HashMap<CodeDigest, ConsentVisit>> {
    if digests.is_empty() {
        return Ok(HashMap::new());
    }
    let digests: Vec<String> = digests.iter().map(CodeDigest::to_string).collect();
    let mut found = HashMap::new();
    for row in connection.all(sql, &[&digests]).await? {
        let visit = visit(&row)?;
        found.extend(by(&visit).map(|digest| (digest, visit)));
    }
    Ok(found)
}
