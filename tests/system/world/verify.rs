//! What must hold after every story.

use std::{collections::BTreeSet, path::Path, process::Command};

use mandate_schema::{CallbackId, CommandId, PushKind, Secret};
use mandate_storage::{CommandOutcome, Store, postgres::PostgresSettings};
use rusqlite::Connection;
use serde_json::Value;

use super::{World, process::MANDATE};
use crate::scan;

impl World {
    /// Waits until nothing waits any more: every callback has its outcome, and no task is open.
    pub(crate) async fn settle(&self) {
        match self.options.servers {
            // Ingress asks for outcomes once a second and later: only the end of a story waits for that.
            Some(_) => self.wait_for_none("undecided callbacks", async |world| world.undecided().await).await,
            None => self.settle_journal().await,
        }
        self.wait_for_none("open tasks", async |world| world.open_tasks().await.unwrap_or(1)).await;
    }

    /// Waits until ingress knows that every callback has its outcome.
    async fn settle_journal(&self) {
        self.wait_for_none("unsettled callbacks", async |world| world.unsettled().len() as u64).await;
        self.wait("the metrics to say so", async |world| {
            let text = world.try_get(&world.admin_url("/metrics")).await?;
            text.as_str()?.lines().any(|line| line == "mandate_journal_unsettled 0").then_some(())
        })
        .await;
    }

    /// Callbacks in the journal that have no outcome in the store.
    async fn undecided(&self) -> u64 {
        let ids: Vec<CommandId> = self.unsettled().into_iter().map(CommandId::from).collect();
        let (storage, mut left) = (self.storage().await, ids.len());
        for chunk in ids.chunks(1000) {
            left -= storage.outcomes(chunk.to_vec()).await.map_or(0, |found| found.len());
        }
        left as u64
    }

    /// Tasks that are not done. An inspection whose answer may be stale asks once more after some minutes: nothing waits for that.
    async fn open_tasks(&self) -> Option<u64> {
        const OPEN: &str = "select count(*) from task where state = 'running' \
             or state = 'ready' and coalesce(reason, '') <> 'provisional'";
        let count: i64 = match &self.options.servers {
            None => {
                let database = Connection::open(self.data().join("mandate.db")).ok()?;
                database.query_row(OPEN, [], |row| row.get(0)).ok()?
            }
            Some(servers) => {
                let (client, connection) =
                    tokio_postgres::connect(&servers.owner_url, tokio_postgres::NoTls).await.ok()?;
                tokio::spawn(connection);
                client.query_one(OPEN, &[]).await.ok()?.get(0)
            }
        };
        u64::try_from(count).ok()
    }

    /// Waits until none is left; as long as they become fewer, there is no hurry.
    async fn wait_for_none(&self, what: &str, left: impl AsyncFn(&Self) -> u64) {
        let mut fewest = u64::MAX;
        while fewest > 0 {
            fewest = self
                .wait(&format!("fewer than {fewest} {what}"), async |world| {
                    let left = left(world).await;
                    (left < fewest).then_some(left)
                })
                .await;
        }
    }

    /// Ends the story: everything settles, every invariant is checked, the service stops with exit code 0.
    pub(crate) async fn finish(mut self) {
        self.settle().await;
        self.settle_journal().await;
        self.feed().await;
        self.check_commands().await;
        self.check_dead_letters().await;
        self.dump_answers().await;
        let secrets = self.secrets().await;
        self.stop_service().await;
        self.check_rebuild();
        if let Some(servers) = &self.options.servers {
            dump(&servers.owner_url, &self.folder().join("dump.sql"));
            servers.give_back().await;
        }
        scan::assert_clean(&self.folder(), &secrets, &[self.config_file()]);
    }

    /// Closes our own view of the store, before another file takes its place: the last one to close it removes files by name.
    pub(crate) async fn close_storage(&mut self) {
        self.storage = tokio::sync::OnceCell::new();
        self.wait("the store to be closed", async |world| {
            let open = std::fs::read_dir("/proc/self/fd").expect("our own files");
            let mut targets = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
            (!targets.any(|target| target.starts_with(world.data()))).then_some(())
        })
        .await;
    }

    /// The store, read beside the service.
    pub(crate) async fn storage(&self) -> &Store {
        self.storage
            .get_or_init(async || match &self.options.servers {
                None => Store::open_sqlite(&self.data().join("mandate.db"), 1).expect("the store opens"),
                Some(servers) => {
                    let url = Secret::new(servers.service_url.as_str());
                    let settings = PostgresSettings { url, ca: None, pool: 2 };
                    Store::open_postgres(&settings).await.expect("the store opens")
                }
            })
            .await
    }

    /// Ids of callbacks of the event URL that the journal has: those that were acknowledged.
    pub(crate) fn journaled(&self) -> BTreeSet<CallbackId> {
        self.journal_ids("select id from callback where kind = ?1")
    }

    fn unsettled(&self) -> BTreeSet<CallbackId> {
        self.journal_ids("select id from callback where kind = ?1 and state <> 's'")
    }

    fn journal_ids(&self, sql: &str) -> BTreeSet<CallbackId> {
        let journal = Connection::open(self.data().join("journal.db")).expect("the journal opens");
        let mut statement = journal.prepare(sql).expect("the journal's columns");
        let read = |row: &rusqlite::Row<'_>| row.get::<_, Vec<u8>>(0);
        let ids = statement.query_map([PushKind::Event.as_str()], read).expect("readable rows");
        ids.map(|id| CallbackId(uuid::Uuid::from_slice(&id.expect("a blob")).expect("16 bytes"))).collect()
    }

    /// Each acknowledged callback has exactly one command, none of which is dead but those expected.
    async fn check_commands(&self) {
        let ids: Vec<CommandId> = self.journaled().into_iter().map(CommandId::from).collect();
        let storage = self.storage().await;
        let mut dead = 0;
        for chunk in ids.chunks(1000) {
            let found = storage.outcomes(chunk.to_vec()).await.expect("the store answers");
            assert_eq!(found.len(), chunk.len(), "an acknowledged callback has no outcome");
            dead += found.iter().filter(|record| record.outcome == CommandOutcome::Dead).count();
        }
        assert!(dead <= self.expected_dead_letters, "{dead} callbacks are dead");
    }

    async fn check_dead_letters(&self) {
        let letters = self.storage().await.dead_letters(None, 100).await.expect("the store answers");
        let told: Vec<_> = letters.iter().map(|row| (&row.letter.reason, &row.letter.detail)).collect();
        assert_eq!(letters.len(), self.expected_dead_letters, "{told:?}");
    }

    /// Keeps what the doors answer beside the logs, so that the scan sees it.
    async fn dump_answers(&self) {
        let mut text = String::new();
        for url in [
            self.admin_url("/metrics"),
            self.admin_url("/readyz"),
            self.console_url("/metrics"),
            self.console_url("/api/v1/components"),
            self.console_url("/api/v1/authorizers?limit=500"),
            self.console_url("/api/v1/events?limit=500"),
            self.console_url("/api/v1/dead-letters"),
        ] {
            let answer = self.http.get(&url).send().await.expect("an answer");
            text += &answer.text().await.expect("a body");
        }
        std::fs::write(self.folder().join("answers.txt"), text).expect("a writable folder");
    }

    /// Every secret of this world: what the simulator issued, and what was configured.
    pub(crate) async fn secrets(&self) -> Vec<String> {
        let issued = self.observe("secrets").await;
        assert_eq!(issued["forgotten"], 0, "the simulator remembers all of them");
        let issued = issued["data"].as_array().expect("a list").iter();
        let mut secrets: Vec<String> =
            issued.filter_map(|secret| secret["value"].as_str().map(str::to_owned)).collect();
        for component in &self.options.components {
            secrets.push(component.secret.clone());
            secrets.extend(component.pairs.iter().flat_map(|pair| [pair.token.clone(), pair.key.clone()]));
        }
        secrets.extend(self.planted.iter().cloned());
        secrets.push(self.options.seal_key.rsplit(':').next().expect("a key").to_owned());
        secrets
    }

    /// `mandate rebuild --check` finds no difference.
    #[track_caller]
    pub(crate) fn check_rebuild(&self) {
        let (code, out, err) = self.command(&["rebuild", "--check"]);
        assert_eq!(code, 0, "rebuild --check: {out}{err}");
    }

    /// Runs one of the operator's commands: exit code, stdout, stderr.
    #[track_caller]
    pub(crate) fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let done = Command::new(MANDATE)
            .arg("--config")
            .arg(self.config_file())
            .args(arguments)
            .current_dir(self.folder())
            .output()
            .expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (done.status.code().expect("an exit code"), text(done.stdout), text(done.stderr))
    }

    /// The same, as JSON.
    #[track_caller]
    pub(crate) fn command_json(&self, arguments: &[&str]) -> Value {
        let (code, out, err) = self.command(&[arguments, &["-o", "json"]].concat());
        assert_eq!(code, 0, "{arguments:?}: {err}");
        serde_json::from_str(&out).expect("JSON")
    }
}

/// Everything in a database as text, for the scan.
fn dump(url: &str, file: &Path) {
    let done = Command::new("pg_dump").arg("--file").arg(file).arg(url).output().expect("pg_dump runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
