//! Programs from Debian's packages write their logs; the collector follows the folder and is told nothing of formats.
//!
//! Programs and collector are in the zone America/New_York, so that a stamp read in the wrong one is hours off.

mod apache;
mod following;
mod journal;
mod mariadb;
mod nginx;
mod postgres;
mod tomcat;
pub(crate) mod writer;
