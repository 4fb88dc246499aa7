//! The doors: `WeChat`'s API, the control API, and a page for those who find neither.

mod api;
mod consent;
mod control;
mod errors;
mod help;
mod loopback;
mod media;

use actix_web::{
    HttpResponse, Resource,
    middleware::{Condition, from_fn},
    web::{self, JsonConfig, PayloadConfig, QueryConfig, ServiceConfig},
};

/// Largest request body that is read.
const BODY_MAX: usize = 1 << 20;

/// All routes. `open_control`: the control API answers other machines, too.
pub(crate) fn routes(config: &mut ServiceConfig, open_control: bool) {
    config
        .app_data(PayloadConfig::new(BODY_MAX))
        .app_data(
            JsonConfig::default()
                .limit(BODY_MAX)
                // `curl -d` sends another type; what counts is whether it is JSON.
                .content_type_required(false)
                .content_type(|_| true)
                .error_handler(|error, _| errors::bad_request(&error).into()),
        )
        .app_data(QueryConfig::default().error_handler(|error, _| errors::bad_request(&error).into()))
        .service(
            web::scope("/_control")
                .wrap(Condition::new(!open_control, from_fn(loopback::only)))
                .configure(control::routes),
        )
        .service(consent_page("/cgi-bin/componentloginpage"))
        .service(consent_page("/wxaopen/safe/bindcomponent"))
        .service(web::resource("/favicon.ico").to(async || HttpResponse::NoContent()))
        .service(web::resource("/cgi-bin/media/upload").to(media::upload))
        .service(web::resource("/cgi-bin/media/get").to(media::get))
        .service(web::resource("/{root:cgi-bin|sns|wxa}/{path:.*}").to(api::call))
        .default_service(web::to(help::page));
}

fn consent_page(path: &str) -> Resource {
    web::resource(path).get(consent::show).post(consent::confirm)
}
