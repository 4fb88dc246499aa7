//! Any event there can be, and any history of them.

use jiff::Timestamp;
use mandate_schema::{
    AccountKind, CodeDigest, CreateTime, CredentialsIssued, CredentialsRecovered, CredentialsRejected,
    CredentialsRotated, Document, Erased, Event, Field, Granted, GrantedVia, NoticeReceived,
    PermissionsChanged, Profile, RecoverySource, RedemptionFailed, Revoked, RevokedVia, SealedFields, Secret,
    TicketReceived, WebhookDisabled,
};
use proptest::{option, prelude::*};

use super::samples::profile;

/// A row of the log, without its version.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) event: Event,
    pub(super) recorded_at: Timestamp,
    pub(super) sealed: SealedFields,
}

fn digests() -> impl Strategy<Value = CodeDigest> {
    prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(|code| CodeDigest::of(&Secret::new(code)))
}

/// `WeChat`'s times: often the same ones, sometimes one that no calendar has.
fn times() -> impl Strategy<Value = CreateTime> {
    prop_oneof![4 => 0_i64..8, 1 => any::<i64>()].prop_map(CreateTime)
}

fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..6).prop_map(String::from_iter)
}

fn grants() -> impl Strategy<Value = Granted> {
    let via = prop::sample::select(vec![GrantedVia::Callback, GrantedVia::Redirect, GrantedVia::Confirmed]);
    (option::of(times()), option::of(digests()), option::of(times()), via, option::of(texts())).prop_map(
        |(create_time, code_digest, code_expires_at, via, tag)| Granted {
            create_time,
            code_digest,
            code_expires_at,
            via,
            tag,
        },
    )
}

fn revocations() -> impl Strategy<Value = Revoked> {
    let via = prop::sample::select(vec![RevokedVia::Callback, RevokedVia::Confirmed]);
    (option::of(times()), via).prop_map(|(create_time, via)| Revoked { create_time, via })
}

fn profiles() -> impl Strategy<Value = Profile> {
    let kinds = vec![AccountKind::OfficialAccount, AccountKind::Store, AccountKind::Supplier];
    (texts(), prop::sample::select(kinds), option::of(any::<i64>()))
        .prop_map(|(nick_name, kind, service_type)| Profile { kind, service_type, ..profile(&nick_name) })
}

fn credentials() -> impl Strategy<Value = Event> {
    let source = prop::sample::select(vec![RecoverySource::Info, RecoverySource::List, RecoverySource::Held]);
    prop_oneof![
        (any::<u64>(), digests()).prop_map(|(generation, code_digest)| {
            Event::CredentialsIssued(CredentialsIssued { generation, code_digest })
        }),
        any::<u64>().prop_map(|generation| Event::CredentialsRotated(CredentialsRotated { generation })),
        (any::<u64>(), source).prop_map(|(generation, source)| {
            Event::CredentialsRecovered(CredentialsRecovered { generation, source })
        }),
    ]
}

fn failures() -> impl Strategy<Value = Event> {
    (any::<bool>(), digests(), any::<i64>(), texts(), option::of(texts())).prop_map(
        |(redemption, code_digest, errcode, errmsg, rid)| {
            if redemption {
                Event::RedemptionFailed(RedemptionFailed { code_digest, errcode, errmsg, rid })
            } else {
                Event::CredentialsRejected(CredentialsRejected { errcode, errmsg, rid })
            }
        },
    )
}

/// Events of an authorizer's stream.
pub(super) fn of_an_authorizer() -> impl Strategy<Value = Event> {
    let ids = || prop::collection::vec(any::<i64>(), 0..4);
    prop_oneof![
        grants().prop_map(Event::Granted),
        grants().prop_map(Event::Updated),
        revocations().prop_map(Event::Revoked),
        (ids(), ids(), ids()).prop_map(|(permissions, gained, lost)| {
            Event::PermissionsChanged(PermissionsChanged { permissions, gained, lost })
        }),
        credentials(),
        failures(),
        option::of(profiles()).prop_map(Event::ProfileRecorded),
        Just(Event::Erased(Erased { by: "operator".to_owned(), reason: "request".to_owned() })),
    ]
}

/// Events of a component's stream.
pub(super) fn of_a_component() -> impl Strategy<Value = Event> {
    let notice = |(info_type, create_time, with_document): (String, CreateTime, bool)| {
        let document = with_document.then(Document::default);
        Event::NoticeReceived(NoticeReceived { info_type, create_time, document })
    };
    prop_oneof![
        3 => times().prop_map(|create_time| Event::TicketReceived(TicketReceived { create_time })),
        1 => (texts(), times(), any::<bool>()).prop_map(notice),
    ]
}

pub(super) fn of_a_webhook() -> impl Strategy<Value = Event> {
    let disabled =
        WebhookDisabled { endpoint: "https://h.example/".to_owned(), since: Timestamp::UNIX_EPOCH };
    Just(Event::WebhookDisabled(disabled))
}

/// Every event there is, whether it belongs into the stream or not.
pub(super) fn of_any_stream() -> impl Strategy<Value = Event> {
    prop_oneof![6 => of_an_authorizer(), 3 => of_a_component(), 1 => of_a_webhook()]
}

pub(super) fn rows(events: impl Strategy<Value = Event>) -> impl Strategy<Value = Vec<Row>> {
    let fields = [Field::Ticket, Field::RefreshToken, Field::Secrets, Field::Document, Field::Profile];
    let texts = "[1-9]\\.(QUJD|REVG)".prop_map(|text| text.parse().expect("a sealed text"));
    let sealed = prop::collection::btree_map(prop::sample::select(fields.to_vec()), texts, 0..=fields.len());
    // Up to the year 9999, in milliseconds as they are stored.
    let recorded_at = (0_i64..253_402_200_000_000)
        .prop_map(|milliseconds| Timestamp::from_millisecond(milliseconds).expect("within the calendar"));
    let row = (events, recorded_at, sealed);
    prop::collection::vec(
        row.prop_map(|(event, recorded_at, sealed)| Row { event, recorded_at, sealed }),
        0..16,
    )
}

/// A history and a place in it.
pub(super) fn rows_with_a_cut(
    events: impl Strategy<Value = Event>,
) -> impl Strategy<Value = (Vec<Row>, usize)> {
    rows(events).prop_flat_map(|rows| {
        let length = rows.len();
        (Just(rows), 0..=length)
    })
}
