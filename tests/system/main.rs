//! The whole system: real processes, real HTTP, against the simulator of `WeChat`.

/// Tells a story once on each stack.
macro_rules! told {
    ($name:ident, $module:ident::$story:ident) => {
        mod $name {
            use crate::{world::Stack, $module::$story};

            #[tokio::test]
            async fn embedded() {
                $story(Stack::Embedded).await;
            }

            mod on_servers {
                use super::{Stack, $story};

                #[tokio::test]
                async fn two_processes() {
                    $story(Stack::Servers).await;
                }
            }
        }
    };
}

mod bench;
mod browser;
mod commands;
mod compose;
mod consent;
mod credentials;
mod crowds;
mod defects;
mod demo;
mod dirty;
mod doctor;
mod documents;
mod examples;
mod figures;
mod floods;
mod fuzz;
mod house;
mod kills;
mod limits;
mod load;
mod long_list;
mod outages;
mod release_check;
mod replies;
mod scan;
mod stories;
mod streams;
mod stumbles;
mod subscribers;
mod webhooks;
mod world;
