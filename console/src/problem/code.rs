//! The codes of problems.

/// What a program branches on. Codes are never renamed; texts may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The caller is not on this machine, or did not mean this machine.
    LoopbackOnly,
    /// A page of another site makes the browser ask.
    CrossOrigin,
    /// The key that the address asks for is missing or wrong.
    Unauthenticated,
    /// The key does not open this.
    InsufficientScope,
    /// The key is limited to other components or accounts.
    OutOfReach,
    /// Too many refusals from one address.
    TooManyRefusals,
    /// Nothing is served at the address.
    UnknownRoute,
    /// The thing asked for does not exist.
    NotFound,
    /// The address takes another method.
    MethodNotAllowed,
    /// A query parameter that the address does not know.
    UnknownParameter,
    /// A query parameter with an unusable value.
    InvalidParameter,
    /// An id in the path that cannot be one.
    InvalidId,
    /// A cursor that this list did not give.
    InvalidCursor,
    /// A body that the address does not take.
    InvalidBody,
    /// A body beyond the limit.
    BodyTooLarge,
    /// A body that did not arrive in time.
    BodyTooSlow,
    /// A body of a type that the address does not take.
    UnsupportedMediaType,
    /// As many streams are open as there may be.
    TooManyStreams,
    /// As many webhooks are registered as there may be.
    TooManyWebhooks,
    /// A position that this log has not reached, or that belongs to another log.
    LogReset,
    /// The proxy does not make this call.
    ProxyRefused,
    /// The proxy makes no calls of the component itself.
    ComponentOnly,
    /// The account has revoked its authorization.
    Revoked,
    /// The account's credentials are lost.
    Broken,
    /// The account has authorized nothing that has an API.
    NoApiPermission,
    /// The authorizer was erased.
    Erased,
    /// The account's code is being redeemed.
    Pending,
    /// `WeChat` has sent no ticket that it accepts.
    NoTicket,
    /// `WeChat` cannot be reached, or refuses.
    UpstreamUnavailable,
    /// A quota at `WeChat` is spent.
    QuotaSpent,
    /// The database does not answer.
    StorageUnavailable,
    /// A defect, or a row that this program cannot read.
    InternalError,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::LoopbackOnly,
        Self::CrossOrigin,
        Self::Unauthenticated,
        Self::InsufficientScope,
        Self::OutOfReach,
        Self::TooManyRefusals,
        Self::UnknownRoute,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::UnknownParameter,
        Self::InvalidParameter,
        Self::InvalidId,
        Self::InvalidCursor,
        Self::InvalidBody,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
        Self::UnsupportedMediaType,
        Self::TooManyStreams,
        Self::TooManyWebhooks,
        Self::LogReset,
        Self::ProxyRefused,
        Self::ComponentOnly,
        Self::Revoked,
        Self::Broken,
        Self::NoApiPermission,
        Self::Erased,
        Self::Pending,
        Self::NoTicket,
        Self::UpstreamUnavailable,
        Self::QuotaSpent,
        Self::StorageUnavailable,
        Self::InternalError,
    ];
}
