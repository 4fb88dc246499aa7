//! What the writer does to the file, each call one transaction.

use std::borrow::Cow;

use jiff::Timestamp;
use mandate_runtime::failpoint;
use mandate_schema::{AuthorizerId, Push, PushKind, journal_sql as sql};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{
    JournalError, Limits, RecordError, Recorded, Seq,
    model::{DEDUPE_WINDOW, Entry, ParkedBecause, ROW_BYTES, Reading, SETTLED},
    parking::{Parking, SENDER_ROWS},
    read,
    under_way::Range,
};

/// Rows per commit when a full disk is cleared: their marks fit in the reserve.
const DROPPED_AT_ONCE: usize = 1_024;

/// How far a hand-over has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    HandedOver,
    Settled,
    /// Back to *new*: what was handed over has been lost on its way.
    TakenBack,
}

/// The connection that writes, and what it needs to decide.
pub(super) struct Store {
    connection: Connection,
    limits: Limits,
    parking: Parking,
}

/// Callbacks and marks that share one commit.
#[derive(Default)]
pub(super) struct Changes<'a> {
    pub(super) entries: Vec<&'a Entry>,
    pub(super) marks: Vec<(Mark, &'a [Seq])>,
}

impl Store {
    pub(super) fn new(connection: Connection, limits: Limits) -> Self {
        Self { connection, limits, parking: Parking::default() }
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    #[cfg(test)]
    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Stores callbacks and marks in one commit; says for each callback, in order, what became of it.
    pub(super) fn apply(
        &mut self,
        changes: &Changes<'_>,
    ) -> Result<Vec<Result<Recorded, RecordError>>, JournalError> {
        let now = (self.limits.clock)();
        let transaction = begin(&mut self.connection)?;
        for (mark, seqs) in &changes.marks {
            apply_mark(&transaction, *mark, seqs, now)?;
        }
        let outcomes = record_all(&transaction, &changes.entries, &self.limits, &mut self.parking)?;
        failpoint::reached("journal.before_commit");
        transaction.commit()?;
        failpoint::reached("journal.after_commit");
        Ok(outcomes)
    }

    /// Bytes that count against `journal_max`.
    pub(super) fn waiting_bytes(&self) -> Result<u64, JournalError> {
        waiting_bytes(&self.connection)
    }

    /// Whether settled texts must give way: the pages in use have reached `journal_max`.
    pub(super) fn is_over_limit(&self) -> Result<bool, JournalError> {
        Ok(read::used_bytes(&self.connection)? >= self.limits.max_bytes)
    }

    /// Gives back the texts of up to `limit` settled callbacks, oldest first; says of how many.
    pub(super) fn drop_kept_texts(&mut self, limit: usize) -> Result<usize, JournalError> {
        let transaction = begin(&mut self.connection)?;
        let seqs = {
            let mut oldest = transaction.prepare_cached(sql::READ_OLDEST_KEPT)?;
            oldest.query_map([count(limit)], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?
        };
        for seq in &seqs {
            transaction.prepare_cached(sql::DELETE_TEXTS)?.execute([seq])?;
            transaction.prepare_cached(sql::NOTE_TEXTS_DELETED)?.execute([seq])?;
        }
        transaction.commit()?;
        Ok(seqs.len())
    }

    /// Gives back the texts of the older half of the settled callbacks, and shortens the write-ahead log to nothing.
    /// Each part is done as far as there is room for it.
    ///
    /// The log is copied before as well: a file that has its pages already can be written on a disk without room.
    pub(super) fn make_room(&mut self) -> Result<(), JournalError> {
        self.shorten_log().or_else(unless_full)?;
        self.drop_older_half().or_else(unless_full)?;
        self.shorten_log().or_else(unless_full)
    }

    fn drop_older_half(&mut self) -> Result<(), JournalError> {
        let kept: i64 = self.connection.query_row(sql::READ_KEPT, [], |row| row.get(0))?;
        let mut left = usize::try_from(kept).unwrap_or_default().div_ceil(2);
        while left > 0 {
            match self.drop_kept_texts(left.min(DROPPED_AT_ONCE))? {
                0 => break, // resent meanwhile
                dropped => left -= dropped,
            }
        }
        Ok(())
    }

    /// Copies the write-ahead log into the file and empties it. A reader that is in the way is let through.
    fn shorten_log(&mut self) -> Result<(), JournalError> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// Forgets up to `limit` ids per kind whose window has passed; says how many.
    pub(super) fn delete_expired(&mut self, limit: usize) -> Result<usize, JournalError> {
        let before = window_start((self.limits.clock)());
        let mut deleted = 0;
        for kind in [PushKind::Event, PushKind::Message] {
            deleted += self.change(sql::DELETE_EXPIRED, params![kind.as_str(), before, count(limit)])?;
        }
        Ok(deleted)
    }

    /// Forgets up to `limit` ids of messages, oldest first, while there are too many; says how many.
    pub(super) fn bound_message_ids(&mut self, limit: usize) -> Result<usize, JournalError> {
        let known = read::held(&self.connection)?.message_ids;
        let beyond = known.saturating_sub(self.limits.message_ids_max());
        if beyond == 0 {
            return Ok(0);
        }
        let limit = count(limit).min(i64::try_from(beyond).unwrap_or(i64::MAX));
        self.change(sql::DELETE_OLDEST_MESSAGE_IDS, [limit])
    }

    /// Forgets parked messages, oldest first: those of a sender who has parked too many, and up to `limit` while all together
    /// are too large.
    pub(super) fn bound_parked(&mut self, limit: usize) -> Result<(), JournalError> {
        if !self.parking.has_grown() {
            return Ok(());
        }
        let mut beyond = Vec::new();
        for sender in self.parking.take_senders() {
            let mut statement = self.connection.prepare_cached(sql::READ_PARKED_BEYOND)?;
            let seqs = statement.query_map(params![sender, count(SENDER_ROWS)], |row| row.get(0))?;
            beyond.extend(seqs.collect::<Result<Vec<i64>, _>>()?);
        }
        self.forget(&beyond)?;
        let parked = read::held(&self.connection)?.parked.bytes;
        let excess = parked.saturating_sub(self.limits.parked_max());
        let oldest = self.oldest_parked(excess, limit)?;
        self.forget(&oldest)?;
        if oldest.len() < limit {
            self.parking.is_bounded();
        }
        Ok(())
    }

    /// The oldest parked messages that have so many bytes together.
    fn oldest_parked(&self, bytes: u64, limit: usize) -> Result<Vec<i64>, JournalError> {
        let mut seqs = Vec::new();
        if bytes == 0 {
            return Ok(seqs);
        }
        let mut statement = self.connection.prepare_cached(sql::READ_OLDEST_PARKED)?;
        let mut rows = statement.query([count(limit)])?;
        let mut found = 0;
        while found < bytes {
            let Some(row) = rows.next()? else { break };
            seqs.push(row.get(0)?);
            found += row.get::<_, i64>(1)?.unsigned_abs();
        }
        Ok(seqs)
    }

    /// Deletes settled callbacks with their texts.
    fn forget(&mut self, seqs: &[i64]) -> Result<(), JournalError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let transaction = begin(&mut self.connection)?;
        for seq in seqs {
            transaction.prepare_cached(sql::DELETE_TEXTS)?.execute([seq])?;
            transaction.prepare_cached(sql::DELETE_CALLBACK)?.execute([seq])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Counts a death for what the last process was handing over; says for how many.
    pub(super) fn count_deaths(&mut self, left: &Range) -> Result<usize, JournalError> {
        self.change(sql::COUNT_DEATHS, params![left.kind.as_str(), left.first.0, left.last.0])
    }

    /// Writes and removes as much as a large callback takes.
    pub(super) fn probe(&mut self) -> Result<(), JournalError> {
        self.change(sql::FILL_PROBE, [])?;
        self.change(sql::CLEAR_PROBE, [])?;
        Ok(())
    }

    /// One statement in a transaction of its own.
    fn change(&mut self, statement: &str, params: impl rusqlite::Params) -> Result<usize, JournalError> {
        Ok(self.connection.prepare_cached(statement)?.execute(params)?)
    }
}

/// A disk that is full stops what makes room on it, but is no news there.
fn unless_full(error: JournalError) -> Result<(), JournalError> {
    match error {
        JournalError::DiskFull | JournalError::Locked => Ok(()),
        other => Err(other),
    }
}

fn begin(connection: &mut Connection) -> Result<Transaction<'_>, JournalError> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

fn apply_mark(
    transaction: &Transaction<'_>,
    mark: Mark,
    seqs: &[Seq],
    now: Timestamp,
) -> Result<(), JournalError> {
    match mark {
        Mark::Settled => mark_each(transaction, sql::SETTLE_CALLBACK, seqs),
        Mark::TakenBack => mark_each(transaction, sql::TAKE_BACK_CALLBACK, seqs),
        Mark::HandedOver => {
            let mut statement = transaction.prepare_cached(sql::HAND_OVER_CALLBACK)?;
            for seq in seqs {
                statement.execute([seq.0, now.as_millisecond()])?;
            }
            Ok(())
        }
    }
}

fn mark_each(transaction: &Transaction<'_>, statement: &str, seqs: &[Seq]) -> Result<(), JournalError> {
    let mut statement = transaction.prepare_cached(statement)?;
    for seq in seqs {
        statement.execute([seq.0])?;
    }
    Ok(())
}

fn record_all(
    transaction: &Transaction<'_>,
    entries: &[&Entry],
    limits: &Limits,
    parking: &mut Parking,
) -> Result<Vec<Result<Recorded, RecordError>>, JournalError> {
    let mut recorder = Recorder {
        find: transaction.prepare_cached(sql::FIND_CALLBACK)?,
        delete: transaction.prepare_cached(sql::DELETE_CALLBACK)?,
        delete_texts: transaction.prepare_cached(sql::DELETE_TEXTS)?,
        insert: transaction.prepare_cached(sql::INSERT_CALLBACK)?,
        insert_texts: transaction.prepare_cached(sql::INSERT_TEXTS)?,
        find_original_id: transaction.prepare_cached(sql::FIND_ORIGINAL_ID)?,
        insert_original_id: transaction.prepare_cached(sql::INSERT_ORIGINAL_ID)?,
        waiting: waiting_bytes(transaction)?,
        limits,
        parking,
    };
    entries.iter().map(|entry| recorder.record(entry)).collect()
}

/// Stores the callbacks of one commit.
struct Recorder<'a> {
    find: CachedStatement<'a>,
    delete: CachedStatement<'a>,
    delete_texts: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    insert_texts: CachedStatement<'a>,
    find_original_id: CachedStatement<'a>,
    insert_original_id: CachedStatement<'a>,
    /// Bytes that wait, those of this commit included.
    waiting: u64,
    limits: &'a Limits,
    parking: &'a mut Parking,
}

/// What the journal knows of a callback id.
enum Known {
    Unknown,
    InWindow(Recorded),
    /// Its window has passed; the row may go.
    Expired(i64),
}

/// What becomes of a callback that is new.
enum Fate<'a> {
    /// It waits for its hand-over.
    Waits,
    /// So does this one, but nothing says yet that its original id belongs to its appid.
    WaitsUnverified,
    /// It is parked, with this in column `parked`.
    Parked(Cow<'a, str>),
}

impl Recorder<'_> {
    fn record(&mut self, entry: &Entry) -> Result<Result<Recorded, RecordError>, JournalError> {
        let push = &entry.push;
        let known = self.known(push)?;
        if let Known::InWindow(recorded) = known {
            return Ok(Ok(recorded));
        }
        let bytes = (push.query.len() + push.body.len()) as u64 + ROW_BYTES;
        if self.waiting >= self.limits.ceiling(push.kind()) {
            return Ok(Err(RecordError::JournalFull));
        }
        if let Known::Expired(seq) = known {
            self.delete_texts.execute([seq])?;
            self.delete.execute([seq])?;
        }
        let fate = self.fate(entry)?;
        if let Fate::Parked(_) = fate {
            if self.parking.admits(&entry.origin) {
                self.insert(entry, bytes, &fate)?;
            }
            return Ok(Ok(Recorded::Parked));
        }
        self.insert(entry, bytes, &fate)?;
        self.waiting += bytes;
        Ok(Ok(Recorded::New))
    }

    fn fate<'e>(&mut self, Entry { push, reading, .. }: &'e Entry) -> Result<Fate<'e>, JournalError> {
        match (reading, &push.authorizer) {
            (Reading::Bad { reason }, _) => Ok(Fate::Parked(ParkedBecause::bad(reason).into())),
            (Reading::Good { .. }, None) => Ok(Fate::Waits), // an event
            (Reading::Good { original_id: None }, Some(_)) => Ok(Fate::WaitsUnverified),
            (Reading::Good { original_id: Some(id) }, Some(authorizer)) => self.tie(push, authorizer, id),
        }
    }

    /// Looks whether a message's original id came with its appid before. The first appid is remembered.
    fn tie<'e>(
        &mut self,
        push: &Push,
        authorizer: &AuthorizerId,
        original_id: &'e str,
    ) -> Result<Fate<'e>, JournalError> {
        let authorizer = authorizer.as_str();
        let component = push.component.as_str();
        let tied = self.find_original_id.query_row([component, original_id], |row| row.get::<_, String>(0));
        Ok(match tied.optional()? {
            Some(tied) if tied == authorizer => Fate::Waits,
            Some(_) => Fate::Parked(original_id.into()),
            None => {
                let seen_at = push.received_at.as_millisecond();
                self.insert_original_id.execute(params![component, original_id, authorizer, seen_at])?;
                Fate::WaitsUnverified
            }
        })
    }

    fn known(&mut self, push: &Push) -> Result<Known, JournalError> {
        let row = self.find.query_row([push.id.0.as_bytes().as_slice()], |row| {
            let settled = row.get_ref(1)?.as_str()? == SETTLED;
            Ok((row.get::<_, i64>(0)?, settled, row.get::<_, i64>(2)?, row.get::<_, bool>(3)?))
        });
        let Some((seq, settled, received_at, parked)) = row.optional()? else {
            return Ok(Known::Unknown);
        };
        // What waits is held once, however long it waits.
        let expired = settled && received_at < window_start(push.received_at);
        let recorded = if parked { Recorded::Parked } else { Recorded::Duplicate };
        Ok(if expired { Known::Expired(seq) } else { Known::InWindow(recorded) })
    }

    fn insert(&mut self, entry: &Entry, bytes: u64, fate: &Fate<'_>) -> Result<(), JournalError> {
        let push = &entry.push;
        let parked = match fate {
            Fate::Parked(because) => Some(because.as_ref()),
            Fate::Waits | Fate::WaitsUnverified => None,
        };
        let row = params![
            push.id.0.as_bytes().as_slice(),
            push.kind().as_str(),
            push.component.as_str(),
            push.authorizer.as_ref().map(AuthorizerId::as_str),
            push.pair.to_string(),
            i64::try_from(bytes).unwrap_or(i64::MAX),
            push.received_at.as_millisecond(),
            matches!(fate, Fate::WaitsUnverified),
            parked,
            parked.and_then(|_| entry.origin.sender()),
        ];
        let seq: i64 = self.insert.query_row(row, |row| row.get(0))?;
        self.insert_texts.execute(params![seq, push.query, push.body])?;
        Ok(())
    }
}

/// The oldest `received_at` (Unix milliseconds) that is still in the window.
fn window_start(now: Timestamp) -> i64 {
    let window = i64::try_from(DEDUPE_WINDOW.as_millis()).unwrap_or(i64::MAX);
    now.as_millisecond().saturating_sub(window)
}

fn waiting_bytes(connection: &Connection) -> Result<u64, JournalError> {
    let bytes: i64 = connection.prepare_cached(sql::READ_WAITING_BYTES)?.query_row([], |row| row.get(0))?;
    Ok(bytes.unsigned_abs())
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
