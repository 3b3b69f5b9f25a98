//! The web page and the JSON API behind it.
//!
//! [`http::app::router`] is everything; what it asks of the store is the struct of functions [`http::engine::Engine`].

pub mod http;
pub mod report;
