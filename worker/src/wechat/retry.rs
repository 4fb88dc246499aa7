//! How long a refused API is left alone.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::Offset};
use mandate_runtime::jitter::full_jitter;
use mandate_wechat::{
    api::{Api, Refusal},
    errors::{self, Retry},
};

/// How long to wait while something is wrong that only the operator can mend.
pub(crate) const SUSPENDED: Duration = Duration::from_mins(10);

/// How long to leave an API alone after a refusal that will pass, or that the operator has to end.
pub(crate) fn wait_after(api: Api, refusal: &Refusal, now: Timestamp) -> Duration {
    match errors::classify(api, refusal.errcode) {
        Retry::Later => errors::min_wait(refusal.errcode),
        Retry::NextDay => until_next_day(now),
        // The one repeated call was made, and refused too; or it is a matter of configuration.
        Retry::OnceAfter(_) | Retry::Never => suspended(),
    }
}

/// With jitter, so that many tasks do not come back together.
pub(crate) fn suspended() -> Duration {
    SUSPENDED + full_jitter(SUSPENDED, SUSPENDED, 0)
}

/// `WeChat`'s quotas start anew at midnight in China.
pub(crate) fn until_next_day(now: Timestamp) -> Duration {
    let china = Offset::constant(8).to_time_zone();
    let tomorrow = now.to_zoned(china).tomorrow().and_then(|day| day.start_of_day());
    let wait = tomorrow.map_or(SignedDuration::from_hours(24), |day| day.timestamp().duration_since(now));
    Duration::try_from(wait).unwrap_or_default() + full_jitter(SUSPENDED, SUSPENDED, 0)
}
