//! The one form of every list.

use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::{Serialize, de::DeserializeOwned};

use crate::{ApiError, cursor, query::Query};

/// Items of a page unless `limit` says otherwise.
pub const LIMIT_DEFAULT: usize = 50;
/// The largest `limit`.
pub const LIMIT_MAX: usize = 500;

/// A page of a list: `{"data": […], "next_cursor": "…" or null}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct List<T> {
    /// The items.
    pub data: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A page of at most `limit` items from one item more, which only shows whether there is a next page. `place` is what
    /// the cursor says about the last item.
    pub(crate) fn cut<P: Serialize>(
        name: &str,
        mut items: Vec<T>,
        limit: usize,
        place: impl Fn(&T) -> P,
    ) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|last| cursor::encode(name, &place(last)));
        Self { data: items, next_cursor }
    }
}

impl<T: Serialize> List<T> {
    /// The answer, with the address of the next page as a `Link`.
    pub(crate) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        if let Some(cursor) = &self.next_cursor {
            answer.insert_header((header::LINK, link(request, cursor)));
        }
        answer.json(self)
    }
}

/// The same question with another cursor, which is safe in a query as it is.
fn link(request: &HttpRequest, cursor: &str) -> String {
    let others = request.query_string().split('&').filter(|pair| !pair.starts_with("cursor="));
    let mut query: Vec<_> = others.filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
    query.push(format!("cursor={cursor}"));
    format!("<{}?{}>; rel=\"next\"", request.uri().path(), query.join("&"))
}

/// Where the page that was asked for starts.
///
/// # Errors
///
/// [`ApiError::InvalidCursor`].
pub(crate) fn start<P: DeserializeOwned>(name: &str, query: &Query) -> Result<Option<P>, ApiError> {
    Ok(query.text("cursor").map(|text| cursor::decode(name, text)).transpose()?)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_page_that_is_just_full_is_the_last_one() {
        let page = List::cut("n", vec![1, 2, 3], 3, |last| *last);
        assert_eq!(page, List { data: vec![1, 2, 3], next_cursor: None });
        let page = List::cut("n", vec![1, 2, 3], 2, |last| *last);
        assert_eq!(page, List { data: vec![1, 2], next_cursor: Some(cursor::encode("n", &2)) });
    }

    #[test]
    fn the_next_page_is_linked_with_the_same_filters() {
        for (asked, linked) in [
            ("/list", "</list?cursor=new>; rel=\"next\""),
            ("/list?q=%3C+x&cursor=old&limit=2", "</list?q=%3C+x&limit=2&cursor=new>; rel=\"next\""),
        ] {
            let request = TestRequest::with_uri(asked).to_http_request();
            assert_eq!(link(&request, "new"), linked);
        }
    }
}
