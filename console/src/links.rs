//! Links that ask merchants for their authorization.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId, Scope, serialize_time};
use mandate_storage::ConsentLink;
use mandate_worker::{
    Worker,
    consent::{EXPIRES_DEFAULT, LinkError, LinkOrder, TermsError},
};
use qrcode::{
    EcLevel, QrCode,
    render::{svg, unicode::Dense1x2},
};
use serde::{Deserialize, Serialize};

use crate::{Api, ApiError, BodyError, body, guard::caller_for, query::Query};

/// Largest order that is read, in bytes.
const ORDER_MAX: usize = 16 * 1_024;
/// Shortest side of a QR code, in pixels.
const QR_SIDE: u32 = 240;

/// The body of `POST /authorization-links`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    component: ComponentId,
    auth_type: Option<u8>,
    biz_appid: Option<AuthorizerId>,
    #[serde(default)]
    category_ids: Vec<u32>,
    return_url: Option<String>,
    tag: Option<String>,
    /// Seconds.
    expires_in: Option<u64>,
}

/// A link as its maker sees it.
#[derive(Clone, Debug, Serialize)]
pub struct LinkView {
    /// The address to send to the merchant.
    pub url: String,
    /// The same as a QR code, an `<svg>` element.
    pub qr_svg: String,
    /// When it stops working.
    #[serde(serialize_with = "serialize_time")]
    pub expires_at: Timestamp,
}

impl LinkView {
    /// The view of a link.
    pub fn new(worker: &Worker, link: &ConsentLink) -> Self {
        let url = worker.consents.link_address(link);
        let document = qr_code(&url).render::<svg::Color<'_>>().min_dimensions(QR_SIDE, QR_SIDE).build();
        // Within a page there is no place for an XML declaration.
        let qr_svg = document.split_once("?>").map_or(document.as_str(), |(_, svg)| svg).to_owned();
        Self { url, qr_svg, expires_at: link.expires_at }
    }

    /// The address as a QR code of half blocks, for a terminal that writes light on dark.
    pub fn qr_text(&self) -> String {
        let code = qr_code(&self.url);
        code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build()
    }
}

/// `POST /authorization-links`.
pub(crate) async fn create(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let order: Order = body::read_json(&request, payload, ORDER_MAX).await?;
    let caller = caller_for(&request, Scope::LinkCreate, &order.component, order.biz_appid.as_ref())?;
    let order = LinkOrder {
        component: order.component,
        auth_type: order.auth_type,
        biz_appid: order.biz_appid,
        category_ids: order.category_ids,
        return_url: order.return_url,
        tag: order.tag,
        expires_in: order.expires_in.map_or(EXPIRES_DEFAULT, Duration::from_secs),
    };
    let link = api.worker.consents.create_link(order).await?;
    let address = api.proxies.client(&request);
    api.worker.access.note_act(&caller.actor(), address, "link.created", &link.id, link.terms.tag.clone());
    Ok(HttpResponse::Ok().json(LinkView::new(&api.worker, &link)))
}

fn qr_code(url: &str) -> QrCode {
    QrCode::with_error_correction_level(url, EcLevel::M)
        .expect("`public_url` has 512 bytes at most, ids have ten")
}

impl From<LinkError> for ApiError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Terms(error @ TermsError::UnknownComponent(_)) => Self::not_found(error.to_string()),
            LinkError::Terms(error) => BodyError::Unusable(error.to_string()).into(),
            LinkError::Storage(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_address_of_a_link_has_a_qr_code() {
        // As long as config lets it be, and much longer ids than are made.
        let longest = format!("https://h.example/{}/authorize/{}", "%".repeat(512 - 18), "i".repeat(1_000));
        let code = qr_code(&longest);
        assert!(code.render::<svg::Color<'_>>().min_dimensions(QR_SIDE, QR_SIDE).build().contains("<svg"));
    }
}
